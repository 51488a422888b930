#!lua
-- Pin an order for cursor walks. With as many as allowed alive, the one that was left alone for
-- longest makes room, once nobody has read it for a while.
-- Returns 0, or the milliseconds until one of those alive may make room.
-- KEYS  1 the pinned orders alive, 2 the new one
-- ARGV  1 its name, 2 its bytes, 3 ttl ms, 4 max, 5 idle ms, 6 the key of an order without its name
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[4]) then
  local oldest = redis.call('ZREVRANGE', KEYS[1], -1, -1, 'WITHSCORES')
  local idle = ARGV[3] - (oldest[2] - now)
  if idle < tonumber(ARGV[5]) then return math.max(1, ARGV[5] - idle) end
  redis.call('PEXPIRE', ARGV[6] .. oldest[1], 0)
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', oldest[2])
end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
redis.call('ZADD', KEYS[1], string.format('%d', now + ARGV[3]), ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 0
