// Beside each built text its brotli, a sixth smaller than gzip and too slow to make at every start: gateway serves what is here.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";

const folder = new URL("../services/gateway/static", import.meta.url).pathname;
const params = { [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT };
for (const name of readdirSync(folder, { recursive: true })) {
  if (name.startsWith(".") || !/\.(js|css|html|svg)$/.test(name)) continue;
  const path = join(folder, name);
  const body = readFileSync(path);
  writeFileSync(`${path}.br`, brotliCompressSync(body, { params }));
}
