#!lua
-- Adds ids to the known ones and to the queues of the sources; returns how many are known.
-- KEYS: known, then queues. ARGV: bound, then per id: id, and per queue a score or "" (not for it).
-- "now" as a score is the store's time. Past the bound the ids named longest ago leave everywhere.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local known, queues = KEYS[1], #KEYS - 1
for i = 2, #ARGV, queues + 1 do
  redis.call('ZADD', known, now, ARGV[i])
  for q = 1, queues do
    local score = ARGV[i + q]
    if score == 'now' then score = now end
    if score ~= '' then redis.call('ZADD', KEYS[q + 1], 'NX', score, ARGV[i]) end
  end
end
local over = redis.call('ZCARD', known) - tonumber(ARGV[1])
if over > 0 then
  local gone = redis.call('ZPOPMIN', known, over)
  for i = 1, #gone, 2 do
    for q = 1, queues do redis.call('ZREM', KEYS[q + 1], gone[i]) end
  end
end
return redis.call('ZCARD', known)
