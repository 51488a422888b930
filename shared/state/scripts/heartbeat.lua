#!lua flags=allow-oom
-- Publish a heartbeat, through the same checks as a commit.
-- KEYS  1 meta, 2 reverted     ARGV  1 fence, 2 epoch, 3 version, 4 channel, 5 message
local head = redis.call('HMGET', KEYS[1], 'fence', 'epoch', 'version', 'run_id')
if head[1] ~= ARGV[1] then return redis.error_reply('FENCED ' .. tostring(head[1])) end
if head[2] ~= ARGV[2] then return redis.error_reply('EPOCH ' .. tostring(head[2])) end
if head[3] ~= ARGV[3] then return redis.error_reply('VERSION ' .. tostring(head[3])) end
--include run
if head[4] ~= run then return redis.error_reply('RUN ' .. run) end
if redis.call('GET', KEYS[2]) == head[2] then return redis.error_reply('REVERTED ' .. head[2]) end
return redis.call('PUBLISH', ARGV[4], ARGV[5])
