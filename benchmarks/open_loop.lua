-- Sends each creation at its time, for open_loop.py, over the connections of one thread of wrk.
-- Arguments: a file with one body on each line, the gap, a prefix, the creations per second (with inf,
-- all are due at once), a file that is created when the measurement is over, and a file for the
-- answers. A creation fills the gap of its body with the prefix and its number. wrk does not tell on
-- which connection an answer arrives, so the number in the answer says which creation it belongs to.
-- Each line of the answers has the delay and the latency of a creation, in milliseconds.

local ffi = require("ffi")
ffi.cdef([[
  struct time { long seconds, nanoseconds; };
  int clock_gettime(int clock, struct time *time);
  int access(const char *path, int mode);
]])
-- The clock of wrk's timers.
local CLOCK_REALTIME = 0
-- In this time, wrk opens all connections.
local MILLISECONDS_BEFORE = 200
-- open_loop.py looks at the size of the file to see whether answers arrive.
local FLUSH_MILLISECONDS = 1000

local clock = ffi.new("struct time")
local began = 0
local heads, tails = {}, {}
local prefix, pattern, interval, over, answers
-- How many creations have a connection, how many of these were sent, and how many are answered.
local planned, sent, answered = 0, 0, 0
-- When each creation without an answer was sent.
local sent_at = {}
local over_at
local flush_at = 0

-- The milliseconds since the first creation was due.
local function now()
  ffi.C.clock_gettime(CLOCK_REALTIME, clock)
  return tonumber(clock.seconds) * 1000 - began + tonumber(clock.nanoseconds) / 1e6
end

local function due(number)
  return (number - 1) * interval
end

-- All have the same length, so the length of a body stays the same.
local function filling(number)
  return string.format("%s%06x", prefix, number)
end

local function creation(number)
  local index = (number - 1) % #heads + 1
  return heads[index] .. filling(number) .. tails[index]
end

local function all_are_sent()
  -- At least one creation is sent, also if wrk starts late.
  return over_at and sent > 0 and (interval == 0 or due(sent + 1) > over_at)
end

-- os.exit also writes the rest of the answers. The function wrk.thread:stop does not end wrk, which
-- sleeps for its whole duration.
local function end_if_done()
  if all_are_sent() and answered == sent then
    os.exit(0)
  end
end

local function fail(fault)
  io.stderr:write(fault)
  os.exit(1)
end

function init(arguments)
  local file, gap = arguments[1], arguments[2]
  prefix, interval, over = arguments[3], 1000 / tonumber(arguments[4]), arguments[5]
  answers = assert(io.open(arguments[6], "w"))
  pattern = prefix .. "(%x+)"
  local headers = { ["Content-Type"] = "application/json" }
  local example = filling(0)
  for body in io.lines(file) do
    local from, to = body:find(gap, 1, true)
    local text = wrk.format("POST", nil, headers, body:sub(1, from - 1) .. example .. body:sub(to + 1))
    from, to = text:find(example, 1, true)
    heads[#heads + 1], tails[#tails + 1] = text:sub(1, from - 1), text:sub(to + 1)
  end
  began = math.floor(now()) + MILLISECONDS_BEFORE
end

-- How long a free connection waits before it sends the next creation. A timer of wrk counts the whole
-- milliseconds of its clock, so from these it never ends before the creation is due.
function delay()
  planned = planned + 1
  return math.max(0, math.ceil(due(planned)) - math.floor(now()))
end

function request()
  -- At its start, wrk makes one request that it does not send.
  if planned == 0 then
    return creation(1)
  end
  local time = now()
  if not over_at and ffi.C.access(over, 0) == 0 then
    over_at = time
  end
  if all_are_sent() then
    end_if_done()
    -- wrk sends nothing, and the connection stays idle.
    return ""
  end
  -- If a connection is closed before the answer, wrk opens another one, and sends without a delay.
  if sent == planned or due(sent + 1) > time then
    fail("The server closed a connection.")
  end
  sent = sent + 1
  sent_at[sent] = time
  return creation(sent)
end

function response(status, _, body)
  local time = now()
  local number = tonumber(body:match(pattern) or "0", 16)
  local began_at = sent_at[number]
  if status ~= 200 or not began_at or not body:find('"CreateCustomerSuccess"', 1, true) then
    fail(string.format("The answer to a creation is %d: %s", status, body))
  end
  sent_at[number] = nil
  answered = answered + 1
  answers:write(string.format("%.3f %.3f\n", began_at - due(number), time - due(number)))
  if time > flush_at then
    answers:flush()
    flush_at = time + FLUSH_MILLISECONDS
  end
  end_if_done()
end
