#!lua flags=allow-oom
-- Take the lease if it is free, or still ours after a term that ended early, and raise the fence.
-- Returns the new fence and the store's time (ms), or false. The fence is at least the store's time,
-- so it rises even when the store came back empty.
-- A store of a schema that this version does not know is left as it is. With an epoch, so is one
-- that does not hold it in the run of the server in which it was begun.
-- KEYS  1 lease, 2 meta     ARGV  1 holder, 2 lease ms, 3 schema, 4 epoch or ''
local schema = redis.call('HGET', KEYS[2], 'schema') or '0'
if not schema:match('^%d+$') or tonumber(schema) > tonumber(ARGV[3]) then
  return redis.error_reply('SCHEMA ' .. schema)
end
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return false end
if ARGV[4] ~= '' then
--include run
  local held = redis.call('HMGET', KEYS[2], 'epoch', 'run_id')
  if held[1] ~= ARGV[4] or held[2] ~= run then return redis.error_reply('REPLACED') end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local last = tonumber(redis.call('HGET', KEYS[2], 'fence') or '0')
local fence = string.format('%.0f', math.max(last + 1, now))
redis.call('HSET', KEYS[2], 'fence', fence)
return {fence, string.format('%.0f', now)}
