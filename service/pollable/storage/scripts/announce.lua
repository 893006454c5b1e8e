-- needs: workers
-- A worker of ours says what it knows.
-- ARGV: our prefix, RQ's prefix, its job types (joined by spaces; each alone or as type=digest, the digest being that of
-- the payload that it takes), then the names of its queues. Reply: nothing.
use_headroom()
local types, announced = {}, {}
for _, word in ipairs(split(ARGV[3])) do
  types[#types + 1] = string.match(word, '^[^=]+')
  if string.find(word, '=', 1, true) then announced[#announced + 1] = word end
end
note(ANNOUNCED, announced)
for at = 4, #ARGV do note(types_key(ARGV[at]), types) end
note(LISTENED, {unpack(ARGV, 4)})
