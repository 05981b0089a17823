/**
 * Where a PEFT `adapter_config.json` places an adapter: its common fields and PEFT's own matching, exactly.
 *
 * Rules are those of PEFT 0.21 (`tuners_utils.check_target_module_exists`, `utils/other.get_pattern_key`): a list
 * entry matches a whole module path or its dotted end; a string is a regular expression for the whole path; exclusion
 * comes first; layer numbers apply only to matches by dotted end; the first entry of a pattern object that fits wins,
 * in the order of the file. Fields of single methods are mapped in the standard library, not here.
 */
import { keysOf } from "./ordered-json.ts";
import { compileRegex, type Regex } from "./python-regex.ts";

/** A list of names, or one expression for the whole path. */
export type Rule =
  | { readonly kind: "names"; readonly names: readonly string[] }
  | { readonly kind: "regex"; readonly regex: Regex };

export interface Placement {
  /** `all_linear`: every linear map but the head; `default`: what the format names for this kind of base. */
  readonly targets: Rule | { readonly kind: "all_linear" } | { readonly kind: "default" };
  readonly exclude?: Rule;
  /** Numbers of the layers that names may match in; undefined is all. */
  readonly layers?: readonly number[];
  readonly layersPattern: readonly string[];
  /** Names of modules that are replaced as a whole and therefore never adapted. */
  readonly saved: readonly string[];
  /** Those of them that PEFT lists for every model of the task, whether or not the base has such modules. */
  readonly usualSaved: readonly string[];
}

/** What PEFT adds to `modules_to_save` by `task_type`. */
const usualSaved: Readonly<Record<string, readonly string[]>> = {
  SEQ_CLS: ["classifier", "score"], TOKEN_CLS: ["classifier", "score"], QUESTION_ANS: ["qa_outputs"],
};

/** A field that cannot be used as it stands. */
export interface ConfigProblem {
  readonly field: string;
  /** One plain sentence. */
  readonly detail: string;
}

export interface ModuleEntry {
  /** Path as PEFT sees it: `model.layers.0.self_attn.q_proj`. */
  readonly path: string;
  readonly linear: boolean;
  /** The map from hidden states to the model's output. */
  readonly head: boolean;
}

export interface Matches {
  /** Paths in module order. */
  readonly matched: readonly string[];
  readonly excluded: readonly string[];
  /** How many modules each name of the list matches by itself, before exclusion and layer numbers. */
  readonly perName: readonly { readonly name: string; readonly count: number }[];
  /** Layer numbers in which nothing was matched. */
  readonly emptyLayers: readonly number[];
  /** Whether exclusion took anything away, when there is one. */
  readonly excludeUsed: boolean;
}

/** Fields of the common schema that this module reads. */
export const placementFields: readonly string[] = [
  "target_modules", "exclude_modules", "layers_to_transform", "layers_pattern", "modules_to_save",
];

type Fields = Readonly<Record<string, unknown>>;
const isRecord = (v: unknown): v is Fields => typeof v === "object" && v !== null && !Array.isArray(v);
const isAbsent = (v: unknown): boolean => v === undefined || v === null;

/** Reads the placement fields; what cannot be used is reported and left out. */
export function readPlacement(config: Fields, fields = { targets: "target_modules", exclude: "exclude_modules" }): {
  readonly placement: Placement;
  readonly problems: readonly ConfigProblem[];
} {
  const problems: ConfigProblem[] = [];
  const problem = (field: string, detail: string): undefined => void problems.push({ field, detail });
  const rule = (field: string): Rule | undefined => {
    const v = config[field];
    if (isAbsent(v)) return undefined;
    if (typeof v === "string") {
      const regex = compileRegex(v);
      return typeof regex === "string"
        ? problem(field, `\`${v}\` cannot be used as a regular expression: ${regex}.`)
        : { kind: "regex", regex };
    }
    if (Array.isArray(v) && v.every((x) => typeof x === "string")) return { kind: "names", names: v as string[] };
    return problem(field, "is neither a list of names nor a regular expression.");
  };

  const text = config[fields.targets];
  const targets: Placement["targets"] | undefined =
    typeof text === "string" && text.toLowerCase() === "all-linear" ? { kind: "all_linear" }
      : isAbsent(text) ? { kind: "default" }
        : rule(fields.targets);
  const exclude = rule(fields.exclude);
  const layers = readLayers(config["layers_to_transform"], problem);
  const layersPattern = readStrings("layers_pattern", config, problem);
  if (typeof text === "string" && layers) problem("layers_to_transform", `cannot be used while \`${fields.targets}\` is one expression.`);
  if (layersPattern.length && !layers) problem("layers_pattern", "has no meaning without `layers_to_transform`.");
  for (const p of layersPattern) {
    const regex = compileRegex(layerRule(p));
    if (typeof regex === "string") problem("layers_pattern", `\`${p}\` cannot be used as a regular expression: ${regex}.`);
  }
  const empty: Rule = { kind: "names", names: [] };
  const placement: Placement = {
    targets: targets ?? empty,
    ...(exclude && !isEmptyRule(exclude) ? { exclude } : {}),
    ...(layers ? { layers } : {}),
    layersPattern,
    saved: readStrings("modules_to_save", config, problem),
    usualSaved: usualSaved[String(config["task_type"])] ?? [],
  };
  return { placement, problems };
}

/** The paths that a placement adapts, and what in it had no effect. */
export function matchModules(placement: Placement, modules: readonly ModuleEntry[]): Matches {
  const { targets, exclude, saved } = placement;
  const savedRules = saved.map((name) => compileRegex(`(^|.*\\.)${name}($|\\..*)`));
  const isSaved = (path: string): boolean => savedRules.some((r) => typeof r !== "string" && r.match(path) !== undefined);
  const matched: string[] = [], excluded: string[] = [];
  let excludeUsed = false;
  for (const module of modules) {
    const byRule = exclude !== undefined && matchesRule(exclude, module.path);
    if (byRule || isSaved(module.path)) {
      excludeUsed ||= byRule;
      excluded.push(module.path);
    } else if (isTarget(placement, module)) matched.push(module.path);
  }
  const perName = targets.kind === "names"
    ? targets.names.map((name) => ({ name, count: modules.filter((m) => matchesName(name, m.path)).length }))
    : [];
  const used = new Set(placement.layers ? matched.map((path) => layerOf(placement, path)) : []);
  return { matched, excluded, perName, excludeUsed, emptyLayers: (placement.layers ?? []).filter((n) => !used.has(n)) };
}

/** Key and value of the first entry that fits a path: `(.*\.)?(key)$` from the start, in the order of the file. */
export function firstPattern(patterns: unknown, path: string): { readonly key: string; readonly value: unknown } | undefined {
  if (!isRecord(patterns)) return undefined;
  const key = keysOf(patterns).find((k) => fitsPattern(k, path));
  return key === undefined ? undefined : { key, value: patterns[key] };
}

/** Keys of a pattern object that fit none of the paths, and keys that are no regular expression. */
export function unusedPatterns(patterns: unknown, paths: readonly string[]): {
  readonly unused: readonly string[];
  readonly broken: readonly { readonly key: string; readonly why: string }[];
} {
  const keys = isRecord(patterns) ? keysOf(patterns) : [];
  const broken = keys.flatMap((key) => {
    const regex = compileRegex(patternText(key));
    return typeof regex === "string" ? [{ key, why: regex }] : [];
  });
  return { unused: keys.filter((k) => !broken.some((b) => b.key === k) && !paths.some((p) => fitsPattern(k, p))), broken };
}

/** Pairs of entries that both fit one path and disagree: saving the adapter again with sorted keys would change it. */
export function overlappingPatterns(patterns: unknown, paths: readonly string[]): readonly { readonly wins: string; readonly loses: string; readonly path: string }[] {
  if (!isRecord(patterns)) return [];
  const keys = keysOf(patterns);
  const found = new Map<string, { wins: string; loses: string; path: string }>();
  for (const path of paths) {
    const [wins, ...others] = keys.filter((k) => fitsPattern(k, path));
    for (const loses of others)
      if (wins !== undefined && patterns[loses] !== patterns[wins] && !found.has(`${wins}\n${loses}`))
        found.set(`${wins}\n${loses}`, { wins, loses, path });
  }
  return [...found.values()];
}

/** `key == name` or `key.endswith("." + name)` */
export function matchesName(name: string, path: string): boolean {
  return path === name || path.endsWith(`.${name}`);
}

export function matchesRule(rule: Rule, path: string): boolean {
  return rule.kind === "regex" ? rule.regex.fullmatch(path) : rule.names.some((name) => matchesName(name, path));
}

/** A rule from the value of a config field (`feedforward_modules`, ...), or why there is none. */
export function readRule(value: unknown): Rule | string {
  if (typeof value === "string") {
    const regex = compileRegex(value);
    return typeof regex === "string" ? regex : { kind: "regex", regex };
  }
  return Array.isArray(value) && value.every((x) => typeof x === "string")
    ? { kind: "names", names: value as string[] }
    : "it is neither a list of names nor a regular expression";
}

function isTarget(placement: Placement, module: ModuleEntry): boolean {
  const { targets, layers } = placement;
  switch (targets.kind) {
    case "all_linear":
      return module.linear && !module.head;
    case "default":
      return false;
    case "regex":
      return targets.regex.fullmatch(module.path);
    case "names": {
      // A path given in full is taken whatever the layer numbers say.
      if (targets.names.includes(module.path)) return true;
      if (!targets.names.some((name) => module.path.endsWith(`.${name}`))) return false;
      if (!layers || layers.length === 0) return true;
      const layer = layerOf(placement, module.path);
      return layer !== undefined && layers.includes(layer);
    }
  }
}

const layerRule = (pattern: string): string => `(?:^|.*?\\.)${pattern}\\.(?P<idx>\\d+)\\.`;
const defaultLayerRule = ".*?\\.[^.]*\\.(?P<idx>\\d+)\\.";

function layerOf(placement: Placement, path: string): number | undefined {
  const rules = placement.layersPattern.length ? placement.layersPattern.map(layerRule) : [defaultLayerRule];
  for (const rule of rules) {
    const regex = compiled(rule);
    const groups = typeof regex === "string" ? undefined : regex.match(path);
    if (groups) {
      const idx = groups.get("idx");
      return idx === undefined ? undefined : Number(idx);
    }
  }
  return undefined;
}

const patternText = (key: string): string => `(.*\\.)?(${key})$`;

function fitsPattern(key: string, path: string): boolean {
  const regex = compiled(patternText(key));
  return typeof regex !== "string" && regex.match(path) !== undefined;
}

const cache = new Map<string, Regex | string>();

/** Compiled patterns are kept: each is tried on every module. */
function compiled(source: string): Regex | string {
  let regex = cache.get(source);
  if (regex === undefined) {
    if (cache.size > 2000) cache.clear();
    cache.set(source, (regex = compileRegex(source)));
  }
  return regex;
}

const isEmptyRule = (rule: Rule): boolean => (rule.kind === "names" ? rule.names.length === 0 : rule.regex.source === "");

function readLayers(v: unknown, problem: (field: string, detail: string) => undefined): readonly number[] | undefined {
  if (isAbsent(v)) return undefined;
  const list = Array.isArray(v) ? v : [v];
  if (!list.every((n) => Number.isInteger(n))) return problem("layers_to_transform", "is neither a whole number nor a list of them.");
  return list as number[];
}

function readStrings(field: string, config: Fields, problem: (field: string, detail: string) => undefined): readonly string[] {
  const v = config[field];
  if (isAbsent(v) || v === "") return [];
  if (typeof v === "string") return [v];
  if (Array.isArray(v) && v.every((x) => typeof x === "string")) return v as string[];
  problem(field, "is not a list of names.");
  return [];
}
