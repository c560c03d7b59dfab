/** `52-54-00-…`, `525400…` and `52:54:00:…` in the spelling of declarations. */
export const settledMac = (mac: string): string =>
  (
    mac
      .replace(/[^0-9A-Fa-f]/g, "")
      .toLowerCase()
      .match(/../g) ?? []
  ).join(":");
