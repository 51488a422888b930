#!lua flags=allow-oom
-- Read a part of a pinned order and let it live on. Returns nil, or its length in bytes, its head
-- and the part. A full store lets walks under way go on: nothing grows here.
-- KEYS  1 the pinned orders alive, 2 the order
-- ARGV  1 its name, 2 ttl ms, 3 length of the head, 4 first byte, 5 last byte
if redis.call('PEXPIRE', KEYS[2], ARGV[2]) == 0 then return nil end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZADD', KEYS[1], 'XX', string.format('%d', now + ARGV[2]), ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {
  redis.call('STRLEN', KEYS[2]),
  redis.call('GETRANGE', KEYS[2], 0, ARGV[3] - 1),
  redis.call('GETRANGE', KEYS[2], ARGV[4], ARGV[5]),
}
