extension ReportPage {
  /// The look of the page, beside that of its charts.
  static let styleSheet = """
    body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, 'DejaVu Sans', sans-serif; }
    main { max-width: 1240px; margin: 0 auto; padding: 16px; }
    h1 { font-size: 1.7rem; line-height: 1.2; margin: 0.6em 0; overflow-wrap: anywhere; }
    h2 { font-size: 1.35rem; margin: 1.6em 0 0.4em; border-bottom: 1px solid var(--rule); overflow-wrap: anywhere; }
    h3 { font-size: 1.1rem; margin: 1.6em 0 0.4em; }
    h4 { font-size: 1rem; margin: 1.4em 0 0.4em; overflow-wrap: anywhere; }
    p, ul { max-width: 75ch; }
    a { color: var(--c0); }
    summary { cursor: pointer; font-weight: 600; padding: 6px 0; overflow-wrap: anywhere; }
    .figures { display: grid; gap: 20px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 350px), 1fr)); }
    .figures { margin: 0 0 20px; }
    figure { margin: 0; min-width: 0; }
    .heading { font-weight: 600; font-size: 0.9rem; overflow-wrap: anywhere; }
    .chart { display: block; width: 100%; height: auto; max-width: 500px; }
    figcaption, .note { color: var(--soft); font-size: 0.8rem; line-height: 1.4; overflow-wrap: anywhere; }
    .note { margin: 4px 0 20px; }
    .table { overflow-x: auto; max-width: 100%; }
    table { border-collapse: collapse; font-size: 0.88rem; font-variant-numeric: tabular-nums; }
    caption { text-align: left; font-weight: 600; padding: 4px 0; }
    th, td { padding: 3px 12px 3px 0; border-bottom: 1px solid var(--rule); text-align: left; vertical-align: top; }
    thead th { color: var(--soft); font-weight: 600; }
    tbody th { font-weight: 400; }
    tbody th, td { white-space: nowrap; }
    .number { text-align: right; }
    tbody .long { white-space: normal; min-width: 30ch; max-width: 60ch; overflow-wrap: break-word; }
    tr:target { background: var(--rule); }
    @media print {
      @page { margin: 12mm; }
      body { font-size: 11px; }
      main { max-width: none; padding: 0; }
      .table { overflow: visible; }
      table, .note, figcaption { font-size: 9px; }
      th, td { padding-right: 8px; }
      tbody th, td { white-space: normal; }
      tbody .long { min-width: 0; }
      .figures { grid-template-columns: repeat(2, 1fr); }
      figure, tr { break-inside: avoid; }
      h2, h3, h4, .heading { break-after: avoid; }
      .panel::details-content { content-visibility: visible; height: auto; }
    }

    """
}
