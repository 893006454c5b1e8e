-- needs: clock names
-- Waking workers that wait. A bell is a short list for each queue and job type; the workers that know the type block on it, and
-- each token wakes one of them. With a token nothing is lost but time: every worker looks for itself after LOOK_MS.
local LOOK_MS = 2000
-- What one call of `submit` stores at the most. One more would wake nobody who has not been woken.
local MOST_TOKENS = 64

-- pcall: a bell of another type wakes nobody, and is no reason to fail the job.
local function ring(bell, times)
  local there = tonumber(redis.pcall('LLEN', bell)) or MOST_TOKENS
  local tokens = {}
  for at = 1, math.min(times, MOST_TOKENS - there) do tokens[at] = 1 end
  if #tokens == 0 then return end
  redis.call('RPUSH', bell, unpack(tokens))
  -- Later nobody waits who has not looked since.
  redis.call('EXPIRE', bell, LOOK_MS / 1000)
end

-- Workers learn by looking what will be due before their next look.
local function is_due_soon(due_ms) return due_ms - now < LOOK_MS end
