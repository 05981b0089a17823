/** A large matrix of a merge whose leading singular triplets are wanted: its numbers, or factors of it that are never multiplied out. */
import type { NodeId } from "../../ir/graph.ts";
import { denseMap, leadingTriplets, productsMap, type LinearMap, type Triplets } from "../../ir/leading-triplets.ts";
import type { RecipeValue } from "../../ir/recipe.ts";
import type { Cutter } from "./cut.ts";

/** Triplets with the squares of the singular values that they leave out, and of all. */
export interface Leading extends Triplets { readonly lost: number; readonly size: number }

/** What is left out counts when it is more than the rounding of sums of squares. */
const rounding = 1e-13;

interface Term { readonly scale: number; readonly left: RecipeValue; readonly right: RecipeValue }

export class Decomposable {
  readonly #map: LinearMap;
  /** The square of the Frobenius norm. */
  readonly #size: number;

  /** `values` has the matrix, or its factors and the numbers they are scaled with. */
  constructor(cutter: Cutter, id: NodeId, values: ReadonlyMap<NodeId, RecipeValue>) {
    const products = cutter.products(id);
    if (!products) {
      const { data, shape } = values.get(id)!, x = data as Float32Array;
      this.#map = denseMap(x, shape[0]!, shape[1]!);
      this.#size = x.reduce((sum, v) => sum + v * v, 0);
      return;
    }
    const terms = products.map(({ left, right, scales, negative }): Term => ({
      left: values.get(left)!, right: values.get(right)!, scale: scales.reduce((n, s) => n * values.get(s)!.data[0]!, negative ? -1 : 1),
    }));
    const dense = ({ data, shape }: RecipeValue): LinearMap => denseMap(data as Float32Array, shape[0]!, shape[1]!);
    this.#map = productsMap(terms.map((t) => ({ scale: t.scale, left: dense(t.left), right: dense(t.right) })));
    this.#size = terms.reduce((sum, s) => terms.reduce((n, t) => n + s.scale * t.scale * inner(s, t), sum), 0);
  }

  leading(count: number): Leading {
    const found = leadingTriplets(this.#map, count), lost = this.#size - found.s.reduce((sum, s) => sum + s * s, 0);
    return { ...found, size: this.#size, lost: lost > rounding * this.#size ? lost : 0 };
  }
}

/** The inner product of two products of factors: that of `left^T left` and `right right^T`. */
function inner(s: Term, t: Term): number {
  const [rows, p] = s.left.shape as [number, number], [q, columns] = t.right.shape as [number, number];
  let sum = 0;
  for (let a = 0; a < p; a++)
    for (let b = 0; b < q; b++) {
      let left = 0, right = 0;
      for (let i = 0; i < rows; i++) left += s.left.data[i * p + a]! * t.left.data[i * q + b]!;
      for (let j = 0; j < columns; j++) right += s.right.data[a * columns + j]! * t.right.data[b * columns + j]!;
      sum += left * right;
    }
  return sum;
}
