// TPS110: the port is the message type, and the state of the bay is always one bit. The other seven
// bits of that byte are reserved and may carry anything.

const RESET_CAUSES = new Map([[1, "watchdog"], [2, "power_on"], [3, "system_request"], [4, "other"]]);

// The lengths each port can have.
const LENGTHS = new Map([[1, [1]], [2, [1, 2]], [3, [17]]]);
// Device information, usage and debug: nothing measured.
const SILENT_PORTS = [4, 5, 6];

const occupied = (byte) => (byte & 1) === 1;

function decodeUplink(input) {
  const { bytes, fPort } = input;
  if (SILENT_PORTS.includes(fPort)) {
    return { data: {}, warnings: [`port ${fPort} carries no measurement`] };
  }
  const lengths = LENGTHS.get(fPort);
  if (!lengths) {
    return { errors: [`port ${fPort}, want 1 to 6`] };
  }
  if (!lengths.includes(bytes.length)) {
    const have = bytes.length === 1 ? "1 byte" : `${bytes.length} bytes`;
    return { errors: [`payload has ${have}, want ${lengths.join(" or ")} on port ${fPort}`] };
  }

  // The start-up message reports the bay as well: after a restart it may be the only report for days.
  if (fPort === 3) {
    const data = { occupancy: occupied(bytes[16]), firmware_version: bytes.slice(12, 15).join(".") };
    if (RESET_CAUSES.has(bytes[15])) data.reset_cause = RESET_CAUSES.get(bytes[15]);
    return { data };
  }
  const data = { occupancy: occupied(bytes[0]) };
  if (bytes.length === 2) {
    data.device_temperature = bytes[1] < 128 ? bytes[1] : bytes[1] - 256;
  }
  return { data };
}
