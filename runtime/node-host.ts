/** The outside world of the compiler and the runtime in Node: text files, checkpoint directories, the hub. */
import { existsSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, isAbsolute, join, resolve } from "node:path";
import type { Host } from "../formats/checkpoint.ts";
import { openCheckpoint } from "./checkpoint/open.ts";
import type { FileSystem } from "./checkpoint/files.ts";
import { openDirectory } from "./node-files.ts";
import { hubName, openHub, type HubProgress } from "./node-hub.ts";

export interface NodeOptions {
  /** Relative paths are relative to this; default: the working directory. */
  readonly root?: string;
  readonly onProgress?: HubProgress;
}

/** Directories on disk, and models of the hub by `org/name` where no such directory exists. */
export function nodeFiles(options: NodeOptions = {}): FileSystem {
  return {
    async open(path) {
      const at = resolve(options.root ?? ".", home(path));
      return hubName.test(path) && !existsSync(at) ? openHub(path, options.onProgress) : openDirectory(path, at);
    },
  };
}

/** What the compiler may ask for, from Node's file system. */
export function nodeHost(options: NodeOptions = {}): Host {
  const files = nodeFiles(options);
  const root = options.root ?? ".";
  return {
    async readText(path) {
      const at = resolve(root, home(path));
      if (!statSync(at, { throwIfNoEntry: false })?.isFile()) return undefined;
      return readFile(at, "utf8");
    },
    resolve(from, spec) {
      if (isAbsolute(spec) || spec.startsWith("~")) return home(spec);
      const at = join(dirname(from), spec);
      return hubName.test(spec) && !spec.endsWith(".adapt") && !existsSync(resolve(root, at)) ? spec : at;
    },
    async openCheckpoint(path, kind) {
      const found = await openCheckpoint(files, path, kind);
      return "problem" in found ? found : found.header;
    },
  };
}

const home = (path: string): string => (path === "~" || path.startsWith("~/") ? join(homedir(), path.slice(1)) : path);
