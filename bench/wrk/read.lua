-- wrk's script for polls of many jobs: the path of the first argument, where @ stands for a number of twelve hexadecimal
-- digits below the second argument, another one each time.
function init(args)
  path, jobs = args[1], tonumber(args[2])
  math.randomseed(os.time())
end

function request()
  return wrk.format(nil, (path:gsub("@", string.format("%012x", math.random(jobs)))))
end
