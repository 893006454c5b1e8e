-- needs: clock names
-- What is counted for `GET /metrics`: one hash of integers, each under a name and its labels, joined by tabs. It is there
-- while a web process that serves them keeps it (tally.lua); where it is not, nothing is counted. Of a histogram each bucket
-- has a field that ends with its upper bound in seconds, and the sum one that ends with 'sum', in microseconds.
local COUNTS, COUNTS_TTL_S = OURS .. 'counts', 7 * 86400
-- A code is a job's own word. After so many types and codes those that are new count as 'other'.
local CODES_AT_MOST = 2000
local JOB_BOUNDS_S = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600}

local counts
local function is_counting()
  if counts == nil then counts = redis.call('EXISTS', COUNTS) == 1 end
  return counts
end

-- pcall: whatever somebody wrote there, no job fails for it.
local function count(...)
  if not is_counting() then return end
  return redis.pcall('HINCRBY', COUNTS, table.concat({...}, '\t'), 1)
end

local function count_by_code(name, code)
  if count(name, code) ~= 1 or (tonumber(count('codes')) or 0) <= CODES_AT_MOST then return end
  redis.call('HDEL', COUNTS, name .. '\t' .. code)
  count(name, 'other')
end

local function observe(ms, ...)
  local at = 1
  while JOB_BOUNDS_S[at] and ms > JOB_BOUNDS_S[at] * 1000 do at = at + 1 end
  local name = table.concat({...}, '\t') .. '\t'
  count(name .. (JOB_BOUNDS_S[at] or '+Inf'))
  redis.pcall('HINCRBY', COUNTS, name .. 'sum', ms * 1000)
end

-- Which jobs wait, by type: sorted sets of ids by the moment when they are due. What runs is in LEASES.
local function waiting_key(type) return OURS .. 'waiting:' .. type end
local kept = {}

-- Called with a job that waits from now on; `submitted` is 1 where it is new, else 0. Whether it was not known to wait.
local function count_waiting(id, type, due_ms, submitted)
  if not is_counting() then return false end
  local added = redis.pcall('ZADD', waiting_key(type), due_ms, id)
  -- Be it by 0: these fields tell which types there are.
  if added ~= 0 then redis.pcall('HINCRBY', COUNTS, 'submitted\t' .. type, submitted) end
  if not kept[type] then redis.call('EXPIRE', waiting_key(type), COUNTS_TTL_S) end
  kept[type] = true
  return added == 1
end

local function count_waiting_again(id, due_ms)
  if not is_counting() then return end
  count_waiting(id, redis.call('HGET', record_key(id), 'type') or '', due_ms, 0)
end

-- With one that waits no more. Whether it was known to.
local function count_taken(id, type) return redis.pcall('ZREM', waiting_key(type), id) == 1 end

local function types_in(counted)
  local types = {}
  for at = 1, #counted, 2 do types[#types + 1] = string.match(counted[at], '^submitted\t(.*)') end
  return types
end

-- Called with a job whose attempt begins; `counted_from` is there as long as it runs.
local function count_start(id, type, queue)
  if not is_counting() then return end
  count_taken(id, type or '')
  local due = tonumber(redis.call('HGET', record_key(id), 'run_at')) or now
  observe(math.max(0, now - due), 'wait', type or '', queue or '')
  redis.call('HSET', record_key(id), 'counted_from', now)
end

-- With one that runs no more, if it did.
local function count_run(id, type)
  local began = redis.call('HGET', record_key(id), 'counted_from')
  if not began then return end
  redis.call('HDEL', record_key(id), 'counted_from')
  observe(math.max(0, now - (tonumber(began) or now)), 'run', type)
end

-- With one whose attempt is followed by another.
local function count_retry(id, code)
  if not is_counting() then return end
  local type = redis.call('HGET', record_key(id), 'type') or ''
  count_by_code('retried\t' .. type, code)
  count_run(id, type)
end

-- With one that has ended.
local function count_end(id, state)
  if not is_counting() then return end
  local type, code = unpack(redis.call('HMGET', record_key(id), 'type', 'error_code'))
  count_taken(id, type or '')
  count_by_code('ended\t' .. (type or '') .. '\t' .. state, state == 'failed' and code or '')
  count_run(id, type or '')
end
