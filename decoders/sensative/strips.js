// A sequence number, then a type and its value, big-endian, and so on to the end. The type's top bit marks what
// comes from the strip's memory.

const LIVE = 0xffff;
const FROM_MEMORY = 0x80;

const temperature = (v, at) => v.getInt16(at) / 10;
const humidity = (v, at) => v.getUint8(at) / 2;
const flag = (v) => v.getUint8(0) !== 0;

// High and low in the two lowest bits.
function temperatureAlarm(v) {
  const bits = v.getUint8(0);
  return { temperature_high_alarm: (bits & 1) !== 0, temperature_low_alarm: (bits & 2) !== 0 };
}

// Bytes of each value, and what it means. Alarms of the averages, door counts, infrared and capacitance have no
// quantity of ours and are stepped over.
const RECORDS = {
  0: [0, () => ({ empty_report: true })],
  1: [1, (v) => ({ battery_level: v.getUint8(0) })],
  2: [2, (v) => ({ air_temperature: temperature(v, 0) })],
  3: [1, temperatureAlarm],
  4: [2, (v) => ({ air_temperature_avg: temperature(v, 0) })],
  5: [1, () => ({})],
  6: [1, (v) => ({ relative_humidity: humidity(v, 0) })],
  7: [2, (v) => ({ illuminance: v.getUint16(0) })],
  8: [2, (v) => ({ illuminance_2: v.getUint16(0) })],
  9: [1, (v) => ({ door_closed: flag(v) })],
  10: [1, (v) => ({ door_alarm: flag(v) })],
  11: [1, (v) => ({ tamper: flag(v) })],
  12: [1, (v) => ({ tamper: flag(v) })],
  13: [1, (v) => ({ leak_level: v.getUint8(0) })],
  14: [1, (v) => ({ leak: flag(v) })],
  15: [1, () => ({})],
  16: [1, (v) => ({ user_switch_alarm: flag(v) })],
  17: [2, () => ({})],
  18: [1, (v) => ({ presence: flag(v) })],
  19: [2, () => ({})],
  20: [2, () => ({})],
  21: [1, (v) => ({ close_proximity_alarm: flag(v) })],
  22: [1, () => ({})],
  80: [3, (v) => ({ relative_humidity: humidity(v, 0), air_temperature: temperature(v, 1) })],
  81: [3, (v) => ({ relative_humidity_avg: humidity(v, 0), air_temperature_avg: temperature(v, 1) })],
  // Its door is documented the other way round than that of type 9, so it is left out.
  82: [3, (v) => ({ air_temperature: temperature(v, 1) })],
  110: [8, () => ({ check_in: true })],
  112: [2, () => ({})],
  113: [2, () => ({})],
  114: [2, () => ({})],
};

const AGE_BYTES = 4;

function decodeUplink(input) {
  const bytes = Uint8Array.from(input.bytes);
  const view = new DataView(bytes.buffer);
  const have = bytes.length === 1 ? "1 byte" : `${bytes.length} bytes`;
  if (input.fPort === 11) {
    return { data: {}, warnings: ["port 11 is the answer to a command"] };
  }
  if (input.fPort !== 1 && input.fPort !== 2) {
    return { errors: [`port ${input.fPort}, want 1 or 2`] };
  }
  if (bytes.length < 3) {
    return { errors: [`payload has ${have}, want at least 3`] };
  }

  // At port 2 each record follows its age in seconds; at port 1 what is buffered has no time at all.
  const hasAge = input.fPort === 2;
  const isLive = !hasAge && view.getUint16(0) === LIVE;
  const current = {};
  const history = [];
  let at = 2;
  while (at < bytes.length) {
    const typeAt = at + (hasAge ? AGE_BYTES : 0);
    if (typeAt >= bytes.length) {
      return { errors: [`payload has ${have}, want at least ${typeAt + 1} for the age at byte ${at}`] };
    }
    const type = bytes[typeAt] & ~FROM_MEMORY;
    const known = RECORDS[type];
    if (!known) {
      return { errors: [`unknown type ${type} at byte ${typeAt}`] };
    }
    const [length, read] = known;
    const end = typeAt + 1 + length;
    if (end > bytes.length) {
      return { errors: [`payload has ${have}, want at least ${end} for type ${type} at byte ${typeAt}`] };
    }
    const values = read(new DataView(bytes.buffer, typeAt + 1, length));
    if (isLive && !(bytes[typeAt] & FROM_MEMORY)) {
      Object.assign(current, values);
    } else if (hasAge) {
      const time = new Date(input.recvTime.getTime() - view.getUint32(at) * 1000).toISOString();
      history.push({ time, ...values });
    } else {
      history.push(values);
    }
    at = end;
  }
  if (history.length === 0) {
    return { data: current };
  }
  const data = { ...current, buffered: true, history };
  return hasAge ? { data } : { data, warnings: ["buffered values without a time are left out"] };
}
