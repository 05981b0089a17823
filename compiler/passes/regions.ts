/**
 * The result of fusion: a graph partitioned into regions, each of which becomes one kernel.
 *
 * A region computes its `outputs` from values of other regions, inputs and weights. Nodes keep their meaning: a
 * region can be checked by evaluating its nodes. Const nodes (params and what is computed from params alone) belong
 * to no region; the ones a region reads are weights, made once at load by evaluating their recipe.
 */
import type { Graph, NodeId } from "../../ir/graph.ts";
import type { Dim } from "../../ir/dim.ts";

interface RegionCommon {
  /** Position in execution order. */
  readonly id: number;
  /** Every non-const node computed here, topological. A cheap node (movement, iota, scalar) may be in several regions. */
  readonly nodes: readonly NodeId[];
  /** Nodes whose value is stored. */
  readonly outputs: readonly NodeId[];
}

export type Region = RegionCommon &
  (
    /**
     * Any elementwise, movement, gather, append or small inner reduction, computed independently for each element of
     * its outputs. Also the fallback for every op: a reduce or dot inside becomes a loop.
     */
    | { readonly kind: "map" }
    /**
     * All nodes live on rows `[rows..., D]` with reductions over the last axis (norms, softmax) and small dots of a
     * row with a const matrix `[N, D]`, N <= 256 (the shrink of a low-rank side path). One workgroup or thread takes a row.
     */
    | { readonly kind: "row"; readonly rows: readonly Dim[]; readonly width: Dim }
    /**
     * Products of one left operand `lhs` `[rows..., K]` with several const matrices `[N_i, K]` (horizontal fusion).
     * `groups` are computed in lock-step: the members of a group have the same N, and the group's outputs are
     * elementwise in the members' results (epilogue: bias, activation, residual, and `side` dots: low-rank expands
     * `dot(t [rows..., r], B [N, r])` with small r).
     */
    | { readonly kind: "dot"; readonly lhs: NodeId; readonly rows: readonly Dim[]; readonly k: Dim; readonly groups: readonly DotGroup[] }
    /**
     * softmax(score) @ v without the score matrix. `score` is the softmax's operand: an elementwise expression over
     * `query dot key` and anything indexable by (batch, head, query row, key row): scale, causal or padding mask, bias.
     */
    | {
        readonly kind: "attention"; readonly query: NodeId; readonly key: NodeId; readonly value: NodeId;
        /** The dot node q.k, the softmax node, and the dot node with v. */
        readonly product: NodeId; readonly softmax: NodeId; readonly result: NodeId;
        /** What is stored of the result, behind permutes and reshapes. */
        readonly output: NodeId;
        /** The logarithm of each row's sum of exponentials, which is stored too: from the running maximum and sum. */
        readonly logSum?: NodeId;
      }
  );

export interface DotGroup {
  /** Dot nodes over `lhs`, all with the same N. */
  readonly members: readonly NodeId[];
  readonly n: Dim;
  readonly outputs: readonly NodeId[];
}

export type RegionOf<K extends Region["kind"]> = Extract<Region, { kind: K }>;

/** Buffers of intermediate values: values whose lives do not overlap share one. */
export interface MemoryPlan {
  /** Element counts a slot must hold: the largest of these. All slots are 4-byte elements unless f16. */
  readonly slots: readonly { readonly sizes: readonly Dim[]; readonly bytesPerElement: 2 | 4 }[];
  readonly slotOf: ReadonlyMap<NodeId, number>;
}

export interface Schedule {
  readonly graph: Graph;
  readonly regions: readonly Region[];
  readonly memory: MemoryPlan;
  /** Const nodes read by some region. */
  readonly weights: readonly NodeId[];
}
