#!lua
-- Let one more post of a producer in, at an even rate with room for a burst (GCRA).
-- Returns how long to wait in ms (0: it is let in) and the store's time in ms.
-- KEYS  1 when the allowance is whole again     ARGV  1 us per post, 2 burst in posts
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local each = tonumber(ARGV[1])
local whole = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now) + each
local wait = whole - now - each * ARGV[2]
local now_ms = math.floor(now / 1000)
if wait > 0 then return {math.max(1, math.ceil(wait / 1000)), now_ms} end
local ttl = math.max(1, math.ceil((whole - now) / 1000))
redis.call('SET', KEYS[1], string.format('%.0f', whole), 'PX', ttl)
return {0, now_ms}
