// Payload type 2 in three variants, each with or without a header of type, variant and DevEUI. Old firmware
// labels variant 7 as 6, so the length decides. Everything is big-endian.

const HEADER = 10;
const TYPE = 2;

function totals(v, at) {
  return {
    sensor_status: v.getUint8(at),
    people_total_a: v.getUint16(at + 1),
    people_total_b: v.getUint16(at + 3),
  };
}

function device(v) {
  return { device_status: v.getUint8(0), battery_voltage: v.getUint16(1) / 100 };
}

function counts(v) {
  return {
    ...device(v),
    people_count_a: v.getUint16(3),
    people_count_b: v.getUint16(5),
    ...totals(v, 7),
    payload_counter: v.getUint8(12),
  };
}

// The port that names a variant where there is no header; bytes of its fields, and how to read them.
const VARIANTS = {
  26: [13, counts],
  27: [5, (v) => totals(v, 0)],
  28: [4, (v) => ({ ...device(v), sensor_status: v.getUint8(3) })],
};

function decodeUplink(input) {
  const bytes = Uint8Array.from(input.bytes);
  const have = bytes.length === 1 ? "1 byte" : `${bytes.length} bytes`;
  const headed = Object.values(VARIANTS).find(([length]) => bytes.length === HEADER + length);
  if (headed && bytes[0] === TYPE) {
    return { data: headed[1](new DataView(bytes.buffer, HEADER)) };
  }
  const variant = VARIANTS[input.fPort];
  if (!variant) {
    return { errors: [`payload has ${have}, want 23, 15 or 14 that begin with ${TYPE}`] };
  }
  const [length, read] = variant;
  if (bytes.length !== length) {
    return { errors: [`payload has ${have}, want ${length} at port ${input.fPort}`] };
  }
  return { data: read(new DataView(bytes.buffer)) };
}
