/**
 * Models by name, `org/name` or `org/name@revision`: from the Hugging Face cache, else from the hub into that cache, in the
 * layout every tool shares (`refs/`, `snapshots/`, `blobs/`). HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_HUB_OFFLINE, HF_TOKEN are honoured.
 */
import { createWriteStream } from "node:fs";
import { mkdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, relative } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import type { ListFileEntry } from "@huggingface/hub";
import type { CheckpointProblem } from "../formats/checkpoint.ts";
import { staysInside, type Directory } from "./checkpoint/files.ts";
import { openDirectory } from "./node-files.ts";

/** Called while a file is fetched: bytes so far and in all. */
export type HubProgress = (file: string, done: number, total: number) => void;

/** `org/name` or `org/name@revision`; a path on disk begins with `.`, `/`, `~` or a drive. */
export const hubName = /^(?<name>[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*?)(?:@(?<revision>[\w.-]+))?$/;

/** Opens the snapshot of a model, fetching what is not cached. Never rejects. */
export async function openHub(path: string, onProgress?: HubProgress): Promise<Directory | CheckpointProblem> {
  const { name, revision = "main" } = hubName.exec(path)?.groups ?? {};
  const problem = (detail: string): CheckpointProblem => ({ problem: "hub", path, detail });
  if (name === undefined) return problem("this is not a name on the hub, which has the form org/name");
  try {
    const hub = await import("@huggingface/hub");
    const folder = join(hub.getHFHubCachePath(), hub.getRepoFolderName({ type: "model", name }));
    const cached = await cachedSnapshot(folder, revision);
    if (offline()) {
      if (cached === undefined) return problem(`there is no such directory, the cache does not have the model, and HF_HUB_OFFLINE forbids asking the hub`);
      return await openDirectory(path, cached);
    }
    const found = await fetchSnapshot(hub, { name, revision, folder, onProgress });
    if (typeof found === "string") return await openDirectory(path, found);
    return found.unreachable && cached !== undefined ? await openDirectory(path, cached) : problem(found.detail);
  } catch (e) {
    return problem(e instanceof Error ? e.message : String(e));
  }
}

type Hub = typeof import("@huggingface/hub");
interface Wanted {
  readonly name: string;
  readonly revision: string;
  readonly folder: string;
  readonly onProgress?: HubProgress;
}
interface Failed { readonly detail: string; readonly unreachable: boolean }

const isCommit = /^[0-9a-f]{40}$/;
const offline = (): boolean => /^(1|on|yes|true)$/i.test(process.env["HF_HUB_OFFLINE"] ?? "");
const endpoint = (): string => (process.env["HF_ENDPOINT"] ?? "https://huggingface.co").replace(/\/+$/, "");

/** The snapshot folder a cache has for a branch, tag or commit. */
async function cachedSnapshot(folder: string, revision: string): Promise<string | undefined> {
  const commit = isCommit.test(revision) ? revision : (await readFile(join(folder, "refs", revision), "utf8").catch(() => "")).trim();
  if (!isCommit.test(commit)) return undefined;
  const path = join(folder, "snapshots", commit);
  return (await stat(path).catch(() => undefined))?.isDirectory() ? path : undefined;
}

async function fetchSnapshot(hub: Hub, wanted: Wanted): Promise<string | Failed> {
  const at = { hubUrl: endpoint(), ...(await credentials()) };
  const repo = { type: "model", name: wanted.name } as const;
  try {
    const { sha } = await hub.modelInfo({ name: wanted.name, revision: wanted.revision, additionalFields: ["sha"], ...at });
    if (!isCommit.test(sha)) return { detail: `${at.hubUrl} gives no commit for ${wanted.name}`, unreachable: false };
    const entries: ListFileEntry[] = [];
    for await (const entry of hub.listFiles({ repo, revision: sha, ...at })) entries.push(entry);
    const snapshot = join(wanted.folder, "snapshots", sha);
    await mkdir(snapshot, { recursive: true });
    for (const entry of needed(entries)) await fetchFile(hub, entry, { repo, revision: sha, ...at }, wanted, snapshot);
    if (!isCommit.test(wanted.revision)) {
      await mkdir(join(wanted.folder, "refs"), { recursive: true });
      await writeFile(join(wanted.folder, "refs", wanted.revision), sha);
    }
    return snapshot;
  } catch (e) {
    return explain(hub, e, wanted, at.hubUrl);
  }
}

/** Configs, tokenizer, templates and weights at the top; not the same weights in a second format. */
function needed(entries: readonly ListFileEntry[]): ListFileEntry[] {
  const files = entries.filter((e) => e.type === "file" && staysInside(e.path) && !e.path.includes("/"));
  const sharded = files.some((e) => e.path === "model.safetensors.index.json") && !files.some((e) => e.path === "model.safetensors");
  const weights = (name: string): boolean =>
    /^(adapter_model|adapter)(-\d+-of-\d+)?\.safetensors$/.test(name) || name === "model.safetensors" || (sharded && /^model-\d+-of-\d+\.safetensors$/.test(name));
  const pickles = files.some((e) => weights(e.path)) ? /(?!)/ : /^(pytorch_model(-\d+-of-\d+)?|adapter_model|pytorch_adapter)\.bin$/;
  return files.filter((e) => (e.path.endsWith(".safetensors") ? weights(e.path) : /\.(json|jinja|model)$/.test(e.path) || pickles.test(e.path)));
}

/** One file to `blobs/<etag>`, linked from the snapshot. A partial download never has the final name. */
async function fetchFile(
  hub: Hub, entry: ListFileEntry, at: Parameters<Hub["downloadFile"]>[0] extends infer P ? Omit<P & object, "path"> : never, wanted: Wanted, snapshot: string,
): Promise<void> {
  const etag = entry.lfs?.oid ?? entry.xetHash ?? entry.oid ?? "";
  if (!/^[\w-]{8,128}$/.test(etag)) throw new Error(`the hub gives no hash for ${entry.path}`);
  const pointer = join(snapshot, entry.path), blob = join(wanted.folder, "blobs", etag);
  if (await exists(pointer)) return;
  await mkdir(dirname(blob), { recursive: true });
  if (!(await exists(blob))) {
    const data = await hub.downloadFile({ ...(at as Parameters<Hub["downloadFile"]>[0]), path: entry.path });
    if (!data) throw new Error(`the hub lists ${entry.path} and does not have it`);
    const part = `${blob}.${process.pid}.incomplete`;
    let done = 0;
    const total = data.size;
    const count = async function* (source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      for await (const piece of source) {
        done += piece.byteLength;
        wanted.onProgress?.(entry.path, done, total);
        yield piece;
      }
    };
    try {
      await pipeline(Readable.fromWeb(data.stream() as ReadableStream), count, createWriteStream(part));
      if (done !== total) throw new Error(`the download of ${entry.path} ended after ${done} of ${total} bytes`);
      await rename(part, blob);
    } finally {
      await rm(part, { force: true });
    }
  }
  await symlink(relative(snapshot, blob), pointer).catch(async (e: unknown) => {
    if (!(await exists(pointer))) throw e;
  });
}

const exists = (path: string): Promise<boolean> => stat(path).then(() => true, () => false);

/** HF_TOKEN, or the token that a login left. */
async function credentials(): Promise<{ accessToken?: string }> {
  const fromFile = async (): Promise<string> => {
    const home = process.env["HF_HOME"] ?? join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "huggingface");
    return readFile(process.env["HF_TOKEN_PATH"] ?? join(home, "token"), "utf8").catch(() => "");
  };
  const token = (process.env["HF_TOKEN"] ?? process.env["HUGGING_FACE_HUB_TOKEN"] ?? (await fromFile())).trim();
  return token ? { accessToken: token } : {};
}

function explain(hub: Hub, e: unknown, { name, revision }: Wanted, url: string): Failed {
  if (e instanceof hub.HubApiError) {
    const answers = `there is no such directory, and ${url} answers ${e.statusCode} for ${name}`;
    if (e.statusCode === 401 || e.statusCode === 403)
      return { detail: `${answers}: it is private, gated or absent; set HF_TOKEN to a token that may read it`, unreachable: false };
    if (e.statusCode === 404) return { detail: `${answers}: there is no such model, or it has no revision ${revision}`, unreachable: false };
    return { detail: answers, unreachable: e.statusCode >= 500 };
  }
  if (e instanceof TypeError && /token/i.test(e.message)) return { detail: e.message, unreachable: false };
  const cause = e instanceof Error && e.cause instanceof Error ? e.cause.message : undefined;
  const message = e instanceof Error ? e.message : String(e);
  return { detail: `there is no such directory, and ${name} could not be fetched from ${url}: ${cause ?? message}`, unreachable: e instanceof TypeError };
}
