/** Specs and checkpoint directories behind addresses. A server lists no folder, so files are found by the names they have. */
import type { Host } from "../formats/checkpoint.ts";
import { urlFiles, type FileSystem } from "../runtime/checkpoint/files.ts";
import { openCheckpoint } from "../runtime/checkpoint/open.ts";

/** Files that a checkpoint directory may have; shards are named by the index. */
const known = [
  "config.json", "generation_config.json", "model.safetensors", "model.safetensors.index.json", "tokenizer.json", "tokenizer_config.json",
  "chat_template.jinja", "adapter_config.json", "adapter_model.safetensors", "adapter.safetensors", "pytorch_model.bin",
  "pytorch_model.bin.index.json", "adapter_model.bin", "pytorch_adapter.bin",
  "adapter_fusion_config.json", "model_adapter_fusion.safetensors", "pytorch_model_adapter_fusion.bin",
];

/** Directories below `base`; slices of files come by range requests. */
export function webFiles(base: string, get: typeof fetch): FileSystem {
  const listings = new Map<string, Promise<readonly string[]>>();
  return {
    async open(path) {
      const folder = new URL(path.replace(/\/?$/, "/"), base).href;
      const listing = listings.get(folder) ?? found(folder, get);
      listings.set(folder, listing);
      const names = await listing;
      if (names.length === 0) return { problem: "not_found", path, detail: "the server has none of the files of a checkpoint there" };
      return urlFiles(base, { [path]: names }, get).open(path);
    },
  };
}

async function found(folder: string, get: typeof fetch): Promise<readonly string[]> {
  const there = await Promise.all(known.map((name) => get(new URL(name, folder).href, { method: "HEAD" }).then((a) => a.ok, () => false)));
  return known.filter((_, i) => there[i]);
}

/** What the compiler may ask for, over `fetch`. */
export function webHost(base: string, get: typeof fetch): Host {
  const files = webFiles(base, get);
  return {
    async readText(path) {
      const answer = await get(new URL(path, base).href);
      return answer.ok ? answer.text() : undefined;
    },
    resolve: (from, spec) => new URL(spec, new URL(from, base)).href,
    async openCheckpoint(path, kind) {
      const opened = await openCheckpoint(files, path, kind);
      return "problem" in opened ? opened : opened.header;
    },
  };
}
