#!lua flags=allow-oom
-- Keep the lease. Returns the store's time (ms), or false when somebody else holds it or nobody.
-- KEYS  1 lease     ARGV  1 holder, 2 lease ms
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return false end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
local time = redis.call('TIME')
return string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
