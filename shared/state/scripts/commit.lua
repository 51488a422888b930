#!lua
-- One commit: checks, rows, indices, meta, log, publish. All or nothing: the checks come first and
-- the caller has validated every score, because a script does not roll back.
-- The shebang makes a full, read-only or under-replicated server refuse it before its first write.
--
-- KEYS  1 meta, 2 gone, 3 log, 4 alerts, 5… one index per metric, in the order of METRICS
-- ARGV  1 fence, 2 epoch, 3 commit id, 4 pv, 5 v, 6 message, 7 channel, 8 prefix of row keys,
--       9 prefix of reading keys, 10 oldest version the log keeps, 11 ts, 12 digest, 13 tokens,
--       14 horizon, 15 seeding ("1" or ""), 16 prefix of alert bases, 17 events kept,
--       18 prices of native coins or "", then the blocks below, each with its count in front.
local head = redis.call('HMGET', KEYS[1], 'fence', 'epoch', 'commit_id', 'version', 'run_id')
if head[1] ~= ARGV[1] then return redis.error_reply('FENCED ' .. tostring(head[1])) end
if head[2] ~= ARGV[2] then return redis.error_reply('EPOCH ' .. tostring(head[2])) end
if head[3] == ARGV[3] then return head[4] end
if head[4] ~= ARGV[4] then return redis.error_reply('VERSION ' .. tostring(head[4])) end
--include run
if head[5] ~= run then return redis.error_reply('RUN ' .. run) end

local at = 19
local function take()
  at = at + 1
  return ARGV[at - 1]
end
local function spread(command, key) -- a count, then that many arguments
  local n = tonumber(take())
  if n > 0 then
    redis.call(command, key, unpack(ARGV, at, at + n - 1))
    at = at + n
  end
end

for _ = 1, tonumber(take()) do -- rows: id, "1" to replace, fields to set, fields to delete
  local key = ARGV[8] .. take()
  if take() == '1' then redis.call('DEL', key) end
  spread('HSET', key)
  spread('HDEL', key)
end
for _ = 1, tonumber(take()) do -- removed ids
  local id = take()
  redis.call('DEL', ARGV[8] .. id, ARGV[9] .. id, ARGV[16] .. id)
  redis.call('ZADD', KEYS[2], ARGV[5], id)
end
spread('ZREM', KEYS[2]) -- ids that came back
for _ = 1, tonumber(take()) do -- index, score and member …
  local key = KEYS[4 + tonumber(take())]
  spread('ZADD', key)
end
for _ = 1, tonumber(take()) do -- index, members that left it
  local key = KEYS[4 + tonumber(take())]
  spread('ZREM', key)
end
for _ = 1, tonumber(take()) do -- readings: id, sources to set
  local key = ARGV[9] .. take()
  spread('HSET', key)
end
for _ = 1, tonumber(take()) do -- alert bases: id, windows to set
  local key = ARGV[16] .. take()
  spread('HSET', key)
end
for n = 0, tonumber(take()) - 1 do -- events; their ids follow the version's, so none comes twice
  redis.call('XADD', KEYS[4], 'MAXLEN', ARGV[17], ARGV[5] .. '-' .. n, 'm', take(), 'ts', ARGV[11])
end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[14])
redis.call('HSET', KEYS[1], 'version', ARGV[5], 'commit_id', ARGV[3], 'committed_ms', ARGV[11],
  'digest', ARGV[12], 'tokens', ARGV[13], 'horizon', ARGV[14], 'seeding', ARGV[15])
if ARGV[18] ~= '' then redis.call('HSET', KEYS[1], 'native', ARGV[18]) end
redis.call('XADD', KEYS[3], 'MINID', ARGV[10], ARGV[5] .. '-0', 'm', ARGV[6])
redis.call('PUBLISH', ARGV[7], ARGV[6])
return ARGV[5]
