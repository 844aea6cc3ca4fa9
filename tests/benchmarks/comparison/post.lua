-- Posts a file over and over: wrk -s post.lua URL -- FILE NAME VALUE..., the last being headers. Prints a line of JSON.
function init(args)
  local file = assert(io.open(args[1], "rb"))
  wrk.method, wrk.body = "POST", file:read("*a")
  file:close()
  for place = 2, #args, 2 do
    wrk.headers[args[place]] = args[place + 1]
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.stderr:write(string.format('{"rate": %f, "median": %f, "p99": %f, "failed": %d}',
    (summary.requests - errors.status) / summary.duration * 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    errors.connect + errors.read + errors.write + errors.timeout + errors.status))
end
