-- needs: workers
-- A worker of ours says what it knows.
-- ARGV: our prefix, RQ's prefix, its job types (joined by spaces; each alone or as type=digest, the digest being that of
-- the payload that it takes), then the names of its queues. Reply: nothing.
use_headroom()
local types = {}
for _, word in ipairs(split(ARGV[3])) do
  types[#types + 1] = string.match(word, '^[^=]+')
  if string.find(word, '=', 1, true) then note(ANNOUNCED, word) end
end
for at = 4, #ARGV do announce(ARGV[at], types) end
