// A byte of type and instance, then the value, big-endian, and so on to the end. The layout is inferred from a
// city's decoder.

const RECORDS = {
  0x01: [4, (v) => ({ device_temperature: v.getFloat32(0) })],
  0x06: [2, (v) => ({ battery_voltage: v.getUint16(0) / 1000 })],
  0x13: [4, (v, instance) => ({ [`soil_resistance_${instance}`]: v.getUint32(0) })],
  // Kilopascals.
  0x15: [2, (v, instance) => ({ [`soil_tension_${instance}`]: v.getUint16(0) * 1000 })],
  // Why it was sent, and the version of the protocol.
  0x16: [1, () => ({})],
  0x17: [2, () => ({})],
};

function decodeUplink(input) {
  const bytes = Uint8Array.from(input.bytes);
  const have = bytes.length === 1 ? "1 byte" : `${bytes.length} bytes`;
  if (bytes.length < 2) {
    return { errors: [`payload has ${have}, want at least 2`] };
  }
  const data = {};
  let at = 0;
  while (at < bytes.length) {
    const [type, instance] = [bytes[at] >> 3, bytes[at] & 0x07];
    const name = () => `type 0x${type.toString(16).padStart(2, "0")} at byte ${at}`;
    const known = RECORDS[type];
    if (!known) {
      return { errors: [`unknown ${name()}`] };
    }
    const [length, read] = known;
    const end = at + 1 + length;
    if (end > bytes.length) {
      return { errors: [`payload has ${have}, want at least ${end} for ${name()}`] };
    }
    Object.assign(data, read(new DataView(bytes.buffer, at + 1, length), instance));
    at = end;
  }
  // A float that is no number is a sensor that does not answer.
  if (Number.isNaN(data.device_temperature)) {
    delete data.device_temperature;
    return { data, warnings: ["device_temperature: no number"] };
  }
  return { data };
}
