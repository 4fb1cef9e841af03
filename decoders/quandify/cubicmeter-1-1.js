// The status report: fixed fields, little-endian. What the maker does not document is not read. Small leaks
// are computed in the maker's cloud alone and are not in the frame.

const LENGTH = 28;
const REPORT_PORTS = [1, 2];

// The top bit says that no water is sensed; it is no error code.
const NO_WATER = 0x8000;
const MEDIUM_LEAK = 3;
const LARGE_LEAK = 4;

function volts(raw) {
  return (1800 + 8 * raw) / 1000;
}

function celsius(raw) {
  return raw / 2 - 20;
}

function decodeUplink(input) {
  const bytes = Uint8Array.from(input.bytes);
  const have = bytes.length === 1 ? "1 byte" : `${bytes.length} bytes`;
  if (input.fPort === 0 || input.fPort === 6) {
    return { data: {}, warnings: [`port ${input.fPort} is a ping or an answer, no report`] };
  }
  if (!REPORT_PORTS.includes(input.fPort)) {
    return { errors: [`port ${input.fPort}, want ${REPORT_PORTS.join(" or ")}`] };
  }
  if (bytes.length !== LENGTH) {
    return { errors: [`payload has ${have}, want ${LENGTH}`] };
  }
  const v = new DataView(bytes.buffer);
  const error = v.getUint16(4, true);
  const leak = v.getUint8(22);
  return {
    data: {
      error_code: error & ~NO_WATER,
      empty_pipe: (error & NO_WATER) !== 0,
      water_volume: v.getUint32(6, true) / 1000,
      leak_state: leak,
      leak: leak === MEDIUM_LEAK || leak === LARGE_LEAK,
      battery_voltage_active: volts(v.getUint8(23)),
      battery_voltage: volts(v.getUint8(24)),
      water_temperature_min: celsius(v.getUint8(25)),
      water_temperature_max: celsius(v.getUint8(26)),
      air_temperature: celsius(v.getUint8(27)),
    },
  };
}
