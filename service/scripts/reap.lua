-- needs: record
-- Finds jobs whose worker is gone and jobs that are queued but nowhere; puts each back on its way, or ends it.
-- ARGV: our prefix, RQ's prefix, lease_ms, ms between two passes, then the queues' names.
-- Reply: {} when another process was here just now, else {retried, lost, cancelled, pushed back}.
local lease_ms, every_ms = tonumber(ARGV[3]), tonumber(ARGV[4])
local LEASES_A_PASS, PENDING_A_PASS = 200, 64
local counts = {queued = 0, failed = 0, cancelled = 0, pushed = 0}

local reaper = OURS .. 'reaper'
local since, last = unpack(redis.call('HMGET', reaper, 'since', 'last'))
if last and now - tonumber(last) < every_ms then return {} end
-- After a pause of ours (Redis was away, or every process) workers get one lease's time to renew before any is taken.
-- They renew every third of a lease, so none can have run out within half of one.
if not last or now - tonumber(last) > lease_ms / 2 then since = now end
redis.call('HSET', reaper, 'since', since, 'last', now)
redis.call('EXPIRE', reaper, 3600)

local function reap_leases()
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', LEASES, '-inf', now, 'LIMIT', 0, LEASES_A_PASS)) do
    local state, queue = unpack(redis.call('HMGET', record_key(id), 'state', 'queue'))
    redis.call('ZREM', LEASES, id)
    if state == 'running' then
      local became = abandon(id, queue)
      counts[became] = counts[became] + 1
    end
  end
end

-- RQ's scheduler looks every second, where there is one: the lock of a killed one lives on for a minute.
local OVERDUE_MS = 1500

local function push_again(id, queue)
  wait_again(id, queue, now)
  push_back(id, queue)
  counts.pushed = counts.pushed + 1
end

-- Seen nowhere for a whole lease: between two sightings lies all the time that a worker needs from pop to claim.
local function recover(id, queue)
  local unseen_since = tonumber(field(id, 'unseen_since') or now)
  if now - unseen_since < lease_ms then
    redis.call('HSETNX', record_key(id), 'unseen_since', now)
    return
  end
  push_again(id, queue)
end

local function check_queued(id, queue)
  if redis.call('LPOS', queue_key(queue), id) then
    redis.call('HDEL', record_key(id), 'unseen_since')
    return
  end
  local due_s = redis.call('ZSCORE', RQ .. 'scheduled:' .. queue, id)
  if not due_s then
    recover(id, queue)
  elseif tonumber(due_s) * 1000 < now - OVERDUE_MS then
    -- In nobody's hands, so there is nobody to wait for.
    push_again(id, queue)
  end
end

local function check_pending(queue)
  local due = redis.call('ZRANGEBYSCORE', pending_key(queue), '-inf', now, 'LIMIT', 0, PENDING_A_PASS)
  for _, id in ipairs(due) do
    local state, failure_ttl_s = unpack(redis.call('HMGET', record_key(id), 'state', 'failure_ttl_s'))
    if state ~= 'queued' and state ~= 'scheduled' then
      redis.call('ZREM', pending_key(queue), id)
    elseif redis.call('EXISTS', rq_key(id)) == 0 then
      -- An operator deleted it from RQ.
      redis.call('LREM', queue_key(queue), 0, id)
      redis.call('HSET', record_key(id), 'never_ran', 1)
      finish(id, queue, 'cancelled', tonumber(failure_ttl_s))
      counts.cancelled = counts.cancelled + 1
    else
      check_queued(id, queue)
    end
  end
end

-- What an operator requeued has the time to live of the failure until it is ours again.
local function adopt_requeued(queue, list)
  for _, id in ipairs(redis.call('LRANGE', list, 0, PENDING_A_PASS - 1)) do
    if field(id, 'state') == 'failed' and is_requeued(id) then reopen(id, queue) end
  end
end

if now - tonumber(since) >= lease_ms then reap_leases() end
for at = 5, #ARGV do
  local queue = ARGV[at]
  adopt_requeued(queue, queue_key(queue))
  adopt_requeued(queue, queue_key(queue) .. ':intermediate')
  check_pending(queue)
end
return {counts.queued, counts.failed, counts.cancelled, counts.pushed}
