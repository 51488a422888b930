#!lua
-- Takes ids not requested since `again` ago and marks them as requested now, in one step, so that two
-- replicas never take the same. Ids that no list named for FORGET_MS are dropped on the way.
-- KEYS 1 queue, 2 known     ARGV 1 again ms, 2 limit, 3 forget ms
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local again, limit, forget = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local ids = redis.call('ZRANGE', KEYS[1], '-inf', now - again, 'BYSCORE', 'LIMIT', 0, limit)
local taken = {}
for _, id in ipairs(ids) do
  local named = redis.call('ZSCORE', KEYS[2], id)
  if named and tonumber(named) >= now - forget then
    redis.call('ZADD', KEYS[1], now, id)
    taken[#taken + 1] = id
  else
    redis.call('ZREM', KEYS[1], id)
    redis.call('ZREM', KEYS[2], id)
  end
end
return taken
