#!lua
-- One commit: checks, what it changes, meta, log, publish. All or nothing: the checks come first,
-- and the caller has validated every score and cut every command to what Lua unpacks, because a
-- script does not roll back.
-- The shebang makes a full, read-only or under-replicated server refuse it before its first write.
--
-- KEYS  1 meta, 2 gone, 3 log, 4 reverted, and those that the commands name
-- ARGV  1 fence, 2 epoch, 3 commit id, 4 pv, 5 v, 6 message, 7 channel, 8 oldest version the log
--       keeps, 9 ts, 10 digest, 11 tokens, 12 horizon, 13 seeding ("1" or ""),
--       14 the commands, as MessagePack: an array of arrays of strings
local head = redis.call('HMGET', KEYS[1], 'fence', 'epoch', 'commit_id', 'version', 'run_id')
if head[1] ~= ARGV[1] then return redis.error_reply('FENCED ' .. tostring(head[1])) end
if head[2] ~= ARGV[2] then return redis.error_reply('EPOCH ' .. tostring(head[2])) end
if head[3] == ARGV[3] then return head[4] end
if head[4] ~= ARGV[4] then return redis.error_reply('VERSION ' .. tostring(head[4])) end
--include run
if head[5] ~= run then return redis.error_reply('RUN ' .. run) end
if redis.call('GET', KEYS[4]) == head[2] then return redis.error_reply('REVERTED ' .. head[2]) end

for _, command in ipairs(cmsgpack.unpack(ARGV[14])) do redis.call(unpack(command)) end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[12])
redis.call('HSET', KEYS[1], 'version', ARGV[5], 'commit_id', ARGV[3], 'committed_ms', ARGV[9],
  'digest', ARGV[10], 'tokens', ARGV[11], 'horizon', ARGV[12], 'seeding', ARGV[13])
redis.call('XADD', KEYS[3], 'MINID', ARGV[8], ARGV[5] .. '-0', 'm', ARGV[6])
redis.call('PUBLISH', ARGV[7], ARGV[6])
return ARGV[5]
