// Qalcosonic W1: a water meter that sends its index and the hours before it. Everything is
// little-endian. Three layouts share port 100; two of them have the same length and differ by two
// bytes of temperature in the middle.

const HOUR = 3600;
const PADDING = 0x2f;
const ENHANCED_LENGTH = 51;
const EXTENDED_LENGTHS = { least: 43, most: 47 };

// Where the log time stands in the two look-alikes.
const LAYOUTS = { extended: 9, temperature: 11 };

// The upper half of the status byte as a whole. Bit by bit, a burst (101) would also be a leak (001)
// and a freeze (100).
const TEMPORARY_ERRORS = new Map([
  [0x1, "empty_pipe"],
  [0x3, "leak"],
  [0x7, "backflow"],
  [0x9, "low_temperature"],
  [0xb, "burst"],
]);

const iso = (seconds) => new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
const cubicMetres = (litres) => litres / 1000;
const count = (bytes) => (bytes === 1 ? "1 byte" : `${bytes} bytes`);
const reject = (reason) => ({ errors: [reason] });

function readStatus(status, warnings) {
  const error = TEMPORARY_ERRORS.get(status >> 4);
  if (!error && status >> 4 !== 0) {
    warnings.push(`status 0x${status.toString(16).padStart(2, "0")} names no error we know`);
  }
  return {
    status_code: status,
    battery_low: (status & 0x04) !== 0,
    permanent_error: (status & 0x08) !== 0,
    leak: error === "leak",
    backflow: error === "backflow",
    burst: error === "burst",
    low_temperature: error === "low_temperature",
    empty_pipe: error === "empty_pipe",
  };
}

// The index at log time and after every logged hour, so that each hour becomes an observation at its
// own time. The sum is kept in litres: whole numbers do not drift.
function readLog(logTime, logLitres, increments) {
  let litres = logLitres;
  const history = [{ time: iso(logTime), water_volume: cubicMetres(litres) }];
  increments.forEach((increment, k) => {
    litres += increment;
    history.push({ time: iso(logTime + (k + 1) * HOUR), water_volume: cubicMetres(litres) });
  });
  return {
    log_time: iso(logTime),
    water_volume_log: cubicMetres(logLitres),
    water_volume_delta: increments.map(cubicMetres),
    water_volume_last_log: cubicMetres(litres),
    history,
  };
}

// A log begins within a day and a half before its frame. Nothing else tells a true log time from the
// bytes that stand there in the other layout, or in a scrambled frame.
function logTimeAt(view, offset) {
  const age = view.getUint32(0, true) - view.getUint32(offset, true);
  return age >= 0 && age <= 36 * HOUR;
}

function findLayout(view, wanted) {
  const candidates = wanted in LAYOUTS ? [wanted] : ["extended", "temperature"];
  return candidates.find((name) => logTimeAt(view, LAYOUTS[name]));
}

function readExtended(view, length, wanted, warnings) {
  const layout = findLayout(view, wanted);
  if (!layout) {
    const tried = wanted in LAYOUTS ? `in layout "${wanted}"` : "in either layout";
    return reject(`log time is not within 36 h before the frame ${tried}: scrambled, or another layout`);
  }
  const offset = LAYOUTS[layout];
  const first = offset + 8;
  if (length < first || (length - first) % 2 !== 0) {
    return reject(`hourly increments end inside a value: ${length - first} bytes of them`);
  }

  const time = view.getUint32(0, true);
  const litres = view.getUint32(5, true);
  // Older firmware logs some minutes past the hour and means the hour.
  const logTime = Math.floor(view.getUint32(offset, true) / HOUR) * HOUR;
  const increments = [];
  for (let at = first; at < length; at += 2) {
    increments.push(view.getUint16(at, true));
  }
  // An hour that has not ended when the meter speaks cannot have been measured.
  const ended = increments.slice(0, Math.floor((time - logTime) / HOUR));
  if (ended.length < increments.length) {
    warnings.push(`${increments.length - ended.length} hourly increments after the frame's own time left out`);
  }

  const data = {
    time: iso(time),
    ...readStatus(view.getUint8(4), warnings),
    water_volume: cubicMetres(litres),
    ...readLog(logTime, view.getUint32(offset + 4, true), ended),
  };
  if (layout === "temperature") {
    data.water_temperature = view.getInt16(9, true) / 100;
  }
  if (data.water_volume_last_log > data.water_volume && !data.backflow) {
    warnings.push(`log ends at ${data.water_volume_last_log} m3, above the index ${data.water_volume} m3`);
  }
  return { data };
}

// 23 increments of 14 bits, packed from the lowest bit of the first byte upwards. The six bits left
// over are a multiplier that no one has seen used; another value would scale every increment.
function readEnhanced(view, warnings) {
  const time = view.getUint32(1, true);
  const packed = 10;
  const bit = (n) => (view.getUint8(packed + (n >> 3)) >> (n & 7)) & 1;
  const bits = (from, width) => {
    let value = 0;
    for (let n = 0; n < width; n += 1) value |= bit(from + n) << n;
    return value;
  };
  const multiplier = bits(23 * 14, 6);
  if (multiplier !== 0) {
    return reject(`multiplier code ${multiplier}, want 0`);
  }
  const increments = Array.from({ length: 23 }, (_, k) => bits(k * 14, 14));
  // The logged index is that of 01:00 the day before, taken as UTC: the meter's manual does not say.
  const logTime = Math.floor(time / (24 * HOUR)) * 24 * HOUR - 23 * HOUR;
  return {
    data: {
      time: iso(time),
      ...readStatus(view.getUint8(5), warnings),
      ...readLog(logTime, view.getUint32(6, true), increments),
    },
  };
}

function readData(bytes, view, wanted, warnings) {
  let length = bytes.length;
  // A trailing 0x2f is padding: as the high byte of an hour it would be twelve cubic metres, more than
  // the meter can pass.
  while (length > 0 && bytes[length - 1] === PADDING) length -= 1;

  if (length === ENHANCED_LENGTH && bytes[0] === 1) {
    return readEnhanced(view, warnings);
  }
  if (bytes.length < EXTENDED_LENGTHS.least || length > EXTENDED_LENGTHS.most) {
    return reject(
      `payload has ${count(bytes.length)}, want ${EXTENDED_LENGTHS.least} to ${EXTENDED_LENGTHS.most},`
      + ` or ${ENHANCED_LENGTH} beginning with frame version 1`,
    );
  }
  return readExtended(view, length, wanted, warnings);
}

// Sources read the alarm byte in two incompatible ways, so it is kept as sent.
function readAlarm(bytes, view) {
  if (bytes.length !== 5) {
    return reject(`payload has ${count(bytes.length)}, want 5 on port 103`);
  }
  return { data: { time: iso(view.getUint32(0, true)), alarm_code: view.getUint8(4) } };
}

// Observations of the log stand at the meter's own time, so a meter whose clock is wrong should be
// known before its nights are compared with others.
function checkClock(data, recvTime, warnings) {
  const skew = (Date.parse(data.time) - recvTime?.getTime()) / 1000;
  if (Math.abs(skew) > HOUR) {
    warnings.push(`meter clock is ${Math.round(skew)} s from the time of reception`);
  }
}

function decodeUplink(input) {
  const bytes = Uint8Array.from(input.bytes);
  const view = new DataView(bytes.buffer);
  const warnings = [];
  let result;
  switch (input.fPort) {
    case 100: result = readData(bytes, view, input.variables?.layout, warnings); break;
    case 101: return { data: {}, warnings: ["configuration frame, no measurement"] };
    case 103: result = readAlarm(bytes, view); break;
    default: return reject(`port ${input.fPort}, want 100, 101 or 103`);
  }
  if (result.data) checkClock(result.data, input.recvTime, warnings);
  return { ...result, warnings };
}
