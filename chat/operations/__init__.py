"""What those see and set who look after the site: usage, speed, failures, alerts, housekeeping."""
