import { type Layout, LayoutInfo, Rect, TableLayout, type TableLayoutProps } from "react-aria-components";
import type { Item } from "./types";

export interface WindowOptions extends TableLayoutProps {
  /** How many rows the list has, of which the collection holds a part. */
  total?: number;
}

type Node = TableLayout<Item, WindowOptions> extends Layout<infer N, WindowOptions> ? N : never;

/** Rows at their places in the whole list, although the collection holds only those near the view. */
export class WindowLayout extends TableLayout<Item, WindowOptions> {
  private total = 0;

  override shouldInvalidateLayoutOptions(next: WindowOptions, before: WindowOptions): boolean {
    return next.total !== before.total || super.shouldInvalidateLayoutOptions(next, before);
  }

  override update(context: Parameters<TableLayout<Item, WindowOptions>["update"]>[0]): void {
    this.total = context.layoutOptions?.total ?? this.total;
    super.update(context);
  }

  protected override buildRowGroup(y: number, node: Node) {
    const rowHeight = this.getEstimatedRowHeight();
    const group = new LayoutInfo("rowgroup", node.key, new Rect(0, y, 0, 0));
    const rows = [...(this.collection.getChildren?.(node.key) ?? [])].map((child, index) => {
      const place = y + ((child.value?.serial ?? 1) - 1) * rowHeight;
      const row = this.buildChild(child, 0, place, group.key);
      row.index = index;
      return row;
    });
    group.rect.width = Math.max(0, ...rows.map((row) => row.layoutInfo.rect.width));
    group.rect.height = rows.length > 0 ? this.total * rowHeight : (this.virtualizer?.size.height ?? 0);
    return {
      layoutInfo: group,
      children: rows,
      validRect: group.rect.intersection(this.requestedRect),
      node,
    };
  }
}
