// Four bytes: battery, temperature, distance big-endian. The layout is known from a city's decoder alone, and
// what the temperature's byte says below zero is not known, so the temperature is kept as it came.

const LENGTH = 4;
const NO_READING = 0xffff;

function decodeUplink(input) {
  const bytes = Uint8Array.from(input.bytes);
  if (bytes.length !== LENGTH) {
    const have = bytes.length === 1 ? "1 byte" : `${bytes.length} bytes`;
    return { errors: [`payload has ${have}, want ${LENGTH}`] };
  }
  const data = { battery_level: (bytes[0] / 255) * 100, temperature_raw: bytes[1] };
  const millimetres = (bytes[2] << 8) | bytes[3];
  if (millimetres === NO_READING) {
    return { data: { ...data, distance_status: "read_failed" }, warnings: ["distance: read_failed"] };
  }
  return { data: { ...data, distance: millimetres / 1000 } };
}
