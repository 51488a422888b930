#!lua
-- Takes those of the given ids that were not requested since `again` ago, in their order.
-- KEYS 1 queue     ARGV 1 again ms, 2 limit, 3 forget ms, 4… ids
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local again, limit, forget = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '(1', now - forget)
local taken = {}
for i = 4, #ARGV do
  if #taken >= limit then break end
  local taken_at = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if not taken_at or tonumber(taken_at) <= now - again then
    redis.call('ZADD', KEYS[1], now, ARGV[i])
    taken[#taken + 1] = ARGV[i]
  end
end
return taken
