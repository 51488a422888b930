-- `run`: this run of this server, and its time as a primary. Another begins a new epoch.
local info = redis.call('INFO', 'server', 'replication')
local run = (info:match('run_id:(%x+)') or '') .. ':' .. (info:match('master_replid:(%x+)') or '')
