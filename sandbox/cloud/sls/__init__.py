"""Log service (SLS): projects, log stores with what is really written to them, indexes, dashboards, alerts."""
