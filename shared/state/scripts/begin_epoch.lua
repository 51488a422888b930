#!lua
-- Start a new, empty epoch; rows follow as commits while `seeding` is set. It ends with this run of
-- the server, and with its time as a primary: what follows either may have lost commits.
-- KEYS  1 meta, 2 gone, 3 log, 4 reverted, 5 alerts, 6… the indices
-- ARGV  1 fence, 2 epoch, 3 schema
local fence = redis.call('HGET', KEYS[1], 'fence')
if fence ~= ARGV[1] then return redis.error_reply('FENCED ' .. tostring(fence)) end
--include run
for i = 2, #KEYS do redis.call('DEL', KEYS[i]) end
redis.call('HSET', KEYS[1], 'epoch', ARGV[2], 'run_id', run, 'version', '0', 'commit_id', '',
  'native', '', 'committed_ms', '0', 'digest', '0000000000000000', 'tokens', '0', 'horizon', '0',
  'seeding', '1', 'schema', ARGV[3])
return 1
