-- Sends one body many times. If the body has a gap, each request fills it with the next id of a list,
-- or with a prefix and the next number, so that no two requests are the same.
-- Arguments: a file with the body, the gap, and either `numbers` and the prefix, or `ids` and a
-- file with one id on each line.

local head, tail, prefix
local ids = {}
local number = 0

local function next_value()
  number = number + 1
  if prefix then
    return string.format("%s%08d", prefix, number)
  end
  return ids[number % #ids + 1]
end

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  local body = file:read("*a")
  file:close()
  local gap = arguments[2]
  if arguments[3] == "ids" then
    for id in io.lines(arguments[4]) do
      ids[#ids + 1] = id
    end
  else
    prefix = arguments[4]
  end

  -- All values have the same length, and so do all requests.
  local before, after = body:find(gap, 1, true)
  local headers = { ["Content-Type"] = "application/json" }
  if before then
    local value = next_value()
    local text = wrk.format("POST", nil, headers, body:sub(1, before - 1) .. value .. body:sub(after + 1))
    before, after = text:find(value, 1, true)
    head, tail = text:sub(1, before - 1), text:sub(after + 1)
  else
    head = wrk.format("POST", nil, headers, body)
  end
end

function request()
  return tail and head .. next_value() .. tail or head
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "microseconds": %d, "errors": %d, "p50": %d, "p99": %d}\n',
    summary.requests,
    summary.duration,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50),
    latency:percentile(99)
  ))
end
