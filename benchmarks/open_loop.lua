-- Sends each creation at its time, for open_loop.py, over the connections of one thread of wrk.
-- Arguments: a file with one body on each line, the gap, a prefix, the creations per second (with inf,
-- all are due at once), a file that is created when the measurement is over, and a file for the
-- answers. A creation fills the gap of its body with the prefix and its number. wrk does not tell on
-- which connection an answer arrives, so the number in the answer says which creation it belongs to.
-- Each line of the answers has the delay and the latency of a creation, in milliseconds.
-- The bodies are mapped into memory, and are not strings of Lua. With 100,000 of these, wrk paused for
-- 40 to 60 ms at times, probably for Lua's garbage collector.

local ffi = require("ffi")
ffi.cdef([[
  struct time { long seconds, nanoseconds; };
  int clock_gettime(int clock, struct time *time);
  int access(const char *path, int mode);
  int open(const char *path, int flags, ...);
  void *mmap(void *address, size_t length, int protection, int flags, int file, long offset);
]])
-- The clock of wrk's timers.
local CLOCK_REALTIME = 0
local O_RDONLY, PROT_READ, MAP_PRIVATE = 0, 1, 2
local MAP_FAILED = ffi.cast("void *", -1)
-- In this time, wrk opens all connections.
local MILLISECONDS_BEFORE = 200
-- open_loop.py looks at the size of the file to see whether answers arrive.
local FLUSH_MILLISECONDS = 1000

local clock = ffi.new("struct time")
local began = 0
-- The bodies, and the offsets in bytes at which each body begins, its gap begins, and the body ends.
local bodies
local starts, gaps, ends = {}, {}, {}
-- What precedes a body in a request, by the body's length.
local heads = {}
local gap_length
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

local function head(length)
  if not heads[length] then
    local headers = { ["Content-Type"] = "application/json" }
    local request = wrk.format("POST", nil, headers, string.rep(" ", length))
    heads[length] = request:sub(1, -length - 1)
  end
  return heads[length]
end

local function creation(number)
  local index = (number - 1) % #starts + 1
  local start, gap = starts[index], gaps[index]
  local before = ffi.string(bodies + start, gap - start)
  local after = ffi.string(bodies + gap + gap_length, ends[index] - gap - gap_length)
  local body = before .. filling(number) .. after
  return head(#body) .. body
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
  local size = 0
  for body in io.lines(file) do
    starts[#starts + 1], ends[#ends + 1] = size, size + #body
    gaps[#gaps + 1] = size + body:find(gap, 1, true) - 1
    size = size + #body + 1
  end
  gap_length = #gap
  -- The last body has no newline.
  local mapped = ffi.C.mmap(nil, size - 1, PROT_READ, MAP_PRIVATE, ffi.C.open(file, O_RDONLY), 0)
  assert(mapped ~= MAP_FAILED, "The bodies cannot be mapped into memory.")
  bodies = ffi.cast("const char *", mapped)
  collectgarbage()
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
