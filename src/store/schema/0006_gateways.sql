-- The gateways that heard the last uplink of a device and its copies, a line each.
alter table device_state add column gateways text;
