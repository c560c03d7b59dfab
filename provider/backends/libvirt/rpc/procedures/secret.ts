import { int, opaque, str, struct, uuid } from "../codec.js";
import { flags, listOf, needResults, secret } from "../types.js";
import { call, order, procedures } from "./procedure.js";

/** Most bytes of a secret's value. */
export const SECRET_MAX = 65_536;

/** Secrets, as for encrypted volumes. `usageType`: 0 none, 1 volume, 2 ceph, 3 iscsi, 4 tls, 5 vtpm. */
export const secrets = procedures("secret", {
  list: call(287, struct({ needResults, flags }), listOf(secret)),
  byUuid: call(141, struct({ uuid }), secret),
  byUsage: call(147, struct({ usageType: int, usageId: str }), secret),
  define: call(142, struct({ xml: str, flags }), secret),
  xml: call(143, struct({ secret, flags }), str),
  setValue: order(144, struct({ secret, value: opaque(SECRET_MAX), flags })),
  value: call(145, struct({ secret, flags }), opaque(SECRET_MAX)),
  undefine: order(146, struct({ secret })),
});
