-- needs: record
-- Stores and queues jobs, each whole or not at all.
-- ARGV: our prefix, RQ's prefix, seconds that an idempotency key is kept, the live jobs and the bytes that an owner may hold (0:
-- any), then names, each list joined by spaces:
--   of what only this script needs: id, depth (allowed), stamp (the client's time as RQ writes it), fingerprint, digest (of
--   the idempotency key), asker (whose key that is, where not the owner's), run_at (ms), delay_ms
--   of the record's fields that do not change, and of RQ's fields that are given a value of their own
--   of RQ's fields that take another's value, as rq_field=other
-- then RQ's data, the names of RQ's fields that begin as empty texts, and for each job the values of the first three lists,
-- in their order; '' where one does not apply.
-- Reply, for each job: {'stored', created_at, run_at}, {'replayed', id, created_at, run_at}, {'reused'}, {'owner_full', 'jobs' or
-- 'bytes', how many the owner holds}, {'full', depth} or {'short'} (of memory).
local IDEMPOTENCY_S, MOST_JOBS, MOST_BYTES = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local OWNED_AT_MOST, OWNER_TTL_S = 100000, 40 * 86400

-- The list keeps ids of jobs that have expired, to tell "expired" from "never was": for a day, and 100,000 at most.
local function prune(owned)
  for _ = 1, 2 do
    local oldest = redis.call('ZRANGE', owned, 0, 0, 'WITHSCORES')
    if #oldest == 0 then return end
    local is_old = tonumber(oldest[2]) < now - DAY_MS or redis.call('ZCARD', owned) > OWNED_AT_MOST
    if not is_old or redis.call('EXISTS', record_key(oldest[1])) == 1 then return end
    redis.call('ZREM', owned, oldest[1])
  end
end

local function replay(key, fingerprint)
  local id, known, created_at, run_at = unpack(redis.call('HMGET', key, 'id', 'fingerprint', 'created_at', 'run_at'))
  if not id then return nil end
  if known ~= fingerprint then return {'reused'} end
  return {'replayed', id, created_at, run_at}
end

local function write(job, record, hash, run_at)
  local state = run_at > now and 'scheduled' or 'queued'
  redis.call('HSET', record_key(job.id), 'state', state, 'attempt', 0, 'progress', 0, 'created_at', now,
    'updated_at', now, 'run_at', run_at, 'version', 1, unpack(record))
  redis.call('HSET', rq_key(job.id), 'status', state, unpack(hash))
  tell(job.id, 1, state, job.owner)
end

-- By bell, how many jobs it is to be rung for: once a call.
local rung = {}

local function enqueue(job, run_at)
  redis.call('SADD', RQ .. 'queues', queue_key(job.queue))
  redis.call('ZADD', pending_key(job.queue), run_at, job.id)
  if run_at > now then
    redis.call('ZADD', RQ .. 'scheduled:' .. job.queue, math.ceil(run_at / 1000), job.id)
  else
    redis.call('HSET', rq_key(job.id), 'enqueued_at', job.stamp)
    redis.call('RPUSH', queue_key(job.queue), job.id)
  end
  local bell = bell_key(job.queue, job.type)
  if is_due_soon(run_at) then rung[bell] = (rung[bell] or 0) + 1 end
end

local function idempotency_key(job) return OURS .. 'idem:' .. (job.asker or job.owner) .. ':' .. job.digest end

-- The list of everyone's jobs has no use for what has expired. Most of it goes with what its owner holds (`let_go`). For those
-- who never come again one call in four looks at twice as many places as it added, wherever the last id leads, and at eight more
-- for each that it finds over: so the list stays two to four times as long as there are jobs at most, whatever lives longest.
local EVERYONES = owner_key('')
local added, last_added = 0, nil

local function remember_for_everyone(id)
  -- Of another type than it should be, it is no reason to take nobody's jobs.
  if redis.pcall('ZADD', EVERYONES, now, id) ~= 1 then return end
  if added == 0 then redis.call('EXPIRE', EVERYONES, OWNER_TTL_S) end
  added, last_added = added + 1, id
end

-- How many were over, of so many places that begin at one of all.
local function drop_past(from, most)
  local ids, records, dropped = redis.call('ZRANGE', EVERYONES, math.max(from, 0), from + most - 1), {}, 0
  for at, id in ipairs(ids) do records[at] = record_key(id) end
  if #ids == 0 or redis.call('EXISTS', unpack(records)) == #ids then return 0 end
  for at, id in ipairs(ids) do
    if redis.call('EXISTS', records[at]) == 0 then dropped = dropped + redis.call('ZREM', EVERYONES, id) end
  end
  return dropped
end

local function prune_everyones()
  -- The end of an id is random.
  local random = last_added and tonumber(string.sub(last_added, -8), 16) or 1
  if random % 4 > 0 then return end
  local size, most = redis.call('ZCARD', EVERYONES), 2 * added
  local from = random / 4 % (size + most - 1) - most + 1
  local dropped = drop_past(from, most)
  if dropped > 0 then drop_past((from + math.floor(size / 2)) % size, 8 * dropped) end
end

local function remember(job, run_at)
  local owned = owner_key(job.owner)
  redis.call('ZADD', owned, now, job.id)
  redis.call('EXPIRE', owned, OWNER_TTL_S)
  prune(owned)
  remember_for_everyone(job.id)
  if not job.digest then return end
  local key = idempotency_key(job)
  redis.call('HSET', key, 'id', job.id, 'fingerprint', job.fingerprint, 'created_at', now, 'run_at', run_at)
  redis.call('EXPIRE', key, IDEMPOTENCY_S)
end

-- What a job may take beside its texts until it has ended.
local BYTES_A_JOB = 4000
-- Redis is asked once a call and queue: its answer costs as much as half a job. What a call stores is counted here.
local rooms, stored = {}, 0
-- How much is looked at in each submit, and in one that would be refused.
local PAST_EACH, PAST_AT_MOST, LIVE_LOOKED_AT, SEEN_MS = 8, 500, 100, 10000

local function has_room(queue, texts)
  local bytes = BYTES_A_JOB + texts
  if rooms[queue] == nil then rooms[queue] = room(queue) or false end
  if not rooms[queue] then return true end
  if rooms[queue] < stored + bytes then return false end
  stored = stored + bytes
  return true
end

-- Of what the owner would hold too much with so many bytes more, and how much that is now; nil where it fits.
local function excess(owner, bytes)
  local live = redis.call('ZCOUNT', held_key(owner), LIVE, '+inf')
  if MOST_JOBS > 0 and live >= MOST_JOBS then return 'jobs', live end
  local held = tonumber(redis.call('HGET', bytes_key(owner), 'all') or 0)
  if MOST_BYTES > 0 and held + bytes > MOST_BYTES then return 'bytes', held end
end

-- Before anybody is refused: what is over, and those live jobs whose records were not looked at for longest. Somebody may have
-- deleted a record by hand, or ended it with an older version of this.
local function look_again(owner)
  let_go_of_past(owner, PAST_AT_MOST)
  local unseen = LIVE + now - SEEN_MS
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', held_key(owner), LIVE, unseen, 'LIMIT', 0, LIVE_LOOKED_AT)) do
    local state, expires_at = field(id, 'state'), tonumber(field(id, 'expires_at') or 0)
    if not state then
      let_go(id, owner)
    else
      redis.call('ZADD', held_key(owner), expires_at > 0 and expires_at + TOMBSTONE_MS or LIVE + now, id)
    end
  end
end

local function refusal(owner, bytes)
  if not excess(owner, bytes) then return nil end
  look_again(owner)
  local what, much = excess(owner, bytes)
  return what and {'owner_full', what, much}
end

local function store(job, record, hash)
  -- Sent again because the reply was lost: it was accepted the first time.
  local created_at, planned = unpack(redis.call('HMGET', record_key(job.id), 'created_at', 'run_at'))
  if created_at then return {'stored', created_at, planned} end
  if job.digest then
    local answered = replay(idempotency_key(job), job.fingerprint)
    if answered then return answered end
  end
  local texts = 0
  for at = 2, #record, 2 do texts = texts + #record[at] end
  local refused = refusal(job.owner, BYTES_BESIDE + texts)
  if refused then return refused end
  -- What is due later takes nobody's turn yet.
  local depth = redis.call('ZCOUNT', pending_key(job.queue), '-inf', now)
  if depth >= tonumber(job.depth) then return {'full', depth} end
  if not has_room(job.queue, texts) then return {'short'} end
  local run_at = now
  if job.delay_ms then run_at = now + tonumber(job.delay_ms) end
  if job.run_at then run_at = math.max(now, tonumber(job.run_at)) end
  write(job, record, hash, run_at)
  enqueue(job, run_at)
  remember(job, run_at)
  count_waiting(job.id, job.type, run_at, 1)
  hold(job.id, job.owner, BYTES_BESIDE + texts, LIVE + now)
  let_go_of_past(job.owner, PAST_EACH)
  return {'stored', tostring(now), tostring(run_at)}
end

local FIRST = 12
local ONLY_HERE, RECORD, OWN = split(ARGV[6]), split(ARGV[7]), split(ARGV[8])
local SAME = {}
for rq_field, other in string.gmatch(ARGV[9], '(%S+)=(%S+)') do SAME[rq_field] = other end
local CONSTANT = {'data', ARGV[10]}
for _, name in ipairs(split(ARGV[11])) do
  CONSTANT[#CONSTANT + 1] = name
  CONSTANT[#CONSTANT + 1] = ''
end

-- Adds the values from `at` on to `job` by name, and name and value to `list`.
local function take(names, at, job, list)
  for offset, name in ipairs(names) do
    local value = ARGV[at + offset - 1]
    if value ~= '' then
      job[name] = value
      list[#list + 1] = name
      list[#list + 1] = value
    end
  end
  return at + #names
end

local replies, at = {}, FIRST
while at <= #ARGV do
  local job, record, hash = {}, {}, {unpack(CONSTANT)}
  at = take(ONLY_HERE, at, job, {})
  at = take(RECORD, at, job, record)
  at = take(OWN, at, job, hash)
  for rq_field, other in pairs(SAME) do
    hash[#hash + 1] = rq_field
    hash[#hash + 1] = job[other]
  end
  replies[#replies + 1] = store(job, record, hash)
end
prune_everyones()
for bell, times in pairs(rung) do ring(bell, times) end
return replies
