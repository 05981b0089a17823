/**
 * Simplification: fewer and plainer nodes with the same meaning. A list of tables of named rules; each rule has a
 * case of its own in the tests.
 */
import type { Graph } from "../../ir/graph.ts";
import { arithmeticRules } from "./rules-arithmetic.ts";
import { movementRules } from "./rules-movement.ts";
import { productRules } from "./rules-product.ts";
import { sliceRules } from "./rules-slice.ts";
import { rewriteWith, type Rule } from "./rewrite.ts";

export const simplifyRules: readonly Rule[] = [...arithmeticRules, ...movementRules, ...sliceRules, ...productRules];

export function simplify(graph: Graph): Graph {
  return rewriteWith(graph, simplifyRules);
}
