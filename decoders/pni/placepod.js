// Channel, type and value, big-endian, and so on to the end. The port is not part of the protocol.

const RECORDS = {
  0x1566: [1, (v) => occupancy(v.getUint8(0))],
  0x3766: [1, (v) => ({ ...occupancy(v.getUint8(0)), keep_alive: true })],
  0x2100: [1, (v) => count(v.getUint8(0))],
  0x3700: [1, (v) => ({ ...count(v.getUint8(0)), keep_alive: true })],
  0x0302: [2, (v) => ({ battery_voltage: v.getInt16(0) / 100 })],
  0x0267: [2, (v) => ({ device_temperature: v.getInt16(0) / 10 })],
  // Answers to a recalibration, a deactivation and a reboot: no measurements.
  0x0101: [1, () => ({})],
  0x1c01: [1, () => ({})],
  0x3f01: [1, () => ({})],
};

// Other values are not defined, and a guess would send somebody to a space that is taken.
function occupancy(value) {
  return value > 1 ? {} : { occupancy: value === 1 };
}

// Above 0x80 the unit says that it has restarted or recalibrated.
function count(value) {
  return value > 0x80 ? { restarted: true } : { vehicle_count: value };
}

function hex(byte) {
  return `0x${byte.toString(16).padStart(2, "0")}`;
}

function decodeUplink(input) {
  const bytes = Uint8Array.from(input.bytes);
  const have = bytes.length === 1 ? "1 byte" : `${bytes.length} bytes`;
  if (bytes.length < 3) {
    return { errors: [`payload has ${have}, want at least 3`] };
  }
  const data = {};
  let at = 0;
  while (at < bytes.length) {
    if (at + 3 > bytes.length) {
      return { errors: [`payload has ${have}, want at least ${at + 3} for a record at byte ${at}`] };
    }
    const key = (bytes[at] << 8) | bytes[at + 1];
    const name = () => `channel ${hex(key >> 8)} type ${hex(key & 0xff)} at byte ${at}`;
    const known = RECORDS[key];
    if (!known) {
      return { errors: [`unknown ${name()}`] };
    }
    const [length, read] = known;
    const end = at + 2 + length;
    if (end > bytes.length) {
      return { errors: [`payload has ${have}, want at least ${end} for ${name()}`] };
    }
    Object.assign(data, read(new DataView(bytes.buffer, at + 2, length)));
    at = end;
  }
  return { data };
}
