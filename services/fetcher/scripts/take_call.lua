#!lua
-- Takes one call of a budget. Returns {ms to wait, 1 if the host is on hold}; {0, 0}: taken.
-- A bucket as one number: the time (µs) at which the next call is on schedule (GCRA). A call may be
-- early by the burst, so in any span of T minutes at most `rate * T + burst` calls are allowed.
-- KEYS 1 bucket, 2 hold     ARGV 1 µs between calls, 2 burst
local hold = redis.call('PTTL', KEYS[2])
if hold > 0 then return {hold, 1} end
local gap, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local next_us = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
local early = next_us - now - gap * (burst - 1)
if early > 0 then return {math.ceil(early / 1000), 0} end
next_us = next_us + gap
redis.call('SET', KEYS[1], string.format('%.0f', next_us), 'PX', math.ceil((next_us - now) / 1000))
return {0, 0}
