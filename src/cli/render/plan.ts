/** A plan for people: as Terraform tells it, on a terminal or in a pull request. */
import { plural } from '../../api/plural.ts';
import { toYaml } from '../../api/yaml.ts';
import { describeTarget, type TargetId } from '../../domain/desired.ts';
import type { ActionReport, PlanReport, PromotionReport, TargetReport } from '../report.ts';
import { paint } from '../terminal.ts';
import { problemLine, problemLines } from './problems.ts';
import { markdownTable, markdownText } from './table.ts';

export type Format = 'table' | 'json' | 'yaml' | 'markdown';

export function renderPlan(report: PlanReport, format: Format): string {
  switch (format) {
    case 'table':
      return planText(report);
    case 'json':
      return `${JSON.stringify(report, null, 2)}\n`;
    case 'yaml':
      return toYaml(JSON.parse(JSON.stringify(report)));
    case 'markdown':
      return planMarkdown(report);
    default:
      return format satisfies never;
  }
}

function planText(report: PlanReport): string {
  const legend = report.promotions.some(({ actions }) => actions.length > 0)
    ? `${paint('green', '+')} promotion   ${paint('yellow', '~')} repair of drift\n\n`
    : '';
  return [
    legend,
    ...report.promotions.map((promotion) => `${promotionText(promotion)}\n`),
    problemLines(report.problems),
    report.problems.length > 0 ? '\n' : '',
    `${paint('bold', 'Plan:')} ${summaryText(report)}\n`,
  ].join('');
}

function promotionText({
  promotion,
  model,
  file,
  state,
  targets,
  actions,
  obstacle,
}: PromotionReport): string {
  const title = `${paint('bold', promotion)}  model ${model}${file === undefined ? '' : paint('dim', `  ${file}`)}\n`;
  if (state === 'Suspended') return `${title}  suspended: left alone\n`;
  const lines = targets.map((target) =>
    targetText(
      target,
      actions.filter((action) => action.target === target.target),
    ),
  );
  const obstacleLine =
    obstacle === undefined || targets.length > 0 ? '' : `  ${paint('red', '!')} ${obstacle.message}\n`;
  return `${title}${lines.join('')}${obstacleLine}`;
}

function targetText(target: TargetReport, actions: readonly ActionReport[]): string {
  const name = describeTarget(target.target as TargetId).padEnd(12);
  const origin = target.from === 'pinned' ? '' : paint('dim', ` (from ${describeOrigin(target.from)})`);
  const head = `  ${name} ${movementText(target)}${origin}\n`;
  const note = target.state === 'Blocked' ? `    ${paint('red', '!')} ${target.message}\n` : noteText(target);
  const evidence = target.evidence.map((line) => `    ${paint('dim', line)}\n`).join('');
  return `${head}${note}${evidence}${actions.map(actionText).join('')}`;
}

/** A target that is followed, or the rule that selects. */
function describeOrigin(from: string): string {
  return /^(?:stage|alias)\//.test(from) ? describeTarget(from as TargetId) : from;
}

function noteText({ state, message, desired, current }: TargetReport): string {
  const follows = state === 'Pending' && desired === undefined;
  if (state === 'Waiting' || state === 'Drifted' || follows)
    return `    ${paint('yellow', '…')} ${message}\n`;
  return state === 'UpToDate' && desired === undefined && current !== undefined
    ? `    ${paint('dim', message)}\n`
    : '';
}

function movementText({ current, desired, state }: TargetReport): string {
  if (state === 'UpToDate') return `${current ?? '-'} ${paint('dim', 'up to date')}`;
  if (state === 'Drifted' && current !== desired) return `${current ?? 'nobody'}, declared ${desired ?? '?'}`;
  if (state === 'Pending' && desired === undefined) return `${current ?? 'nobody'} → new`;
  return current === desired ? (current ?? '-') : `${current ?? 'nobody'} → ${desired ?? '?'}`;
}

function actionText({ cause, description }: ActionReport): string {
  const sign = cause === 'Drift' ? paint('yellow', '~') : paint('green', '+');
  return `    ${sign} ${description}\n`;
}

function summaryText({ summary }: PlanReport): string {
  const parts = [
    `${plural(summary.changes, 'change')} to apply`,
    ...(summary.following > 0
      ? [`${summary.following} more ${summary.following === 1 ? 'follows' : 'follow'} from these`]
      : []),
    ...(summary.drift > 0 ? [`${plural(summary.drift, 'repair')} of drift`] : []),
    `${plural(summary.upToDate, 'promotion')} up to date`,
    ...(summary.drifted > 0 ? [`${summary.drifted} drifted and left alone`] : []),
    ...(summary.suspended > 0 ? [`${summary.suspended} suspended`] : []),
    ...(summary.blocked > 0 ? [`${summary.blocked} blocked or waiting`] : []),
    ...(summary.invalid > 0 ? [`${plural(summary.invalid, 'mistake')} in manifests`] : []),
    ...(summary.ignored > 0 ? [`${plural(summary.ignored, 'document')} of other kinds ignored`] : []),
  ];
  return `${parts.join(', ')}.`;
}

function planMarkdown(report: PlanReport): string {
  const rows = report.promotions.flatMap((promotion) =>
    promotion.targets.map((target) => [
      promotion.promotion,
      promotion.model,
      describeTarget(target.target as TargetId),
      target.current ?? '-',
      target.desired ?? '-',
      target.state,
      promotion.actions
        .filter((action) => action.target === target.target)
        .map((action) => (action.cause === 'Drift' ? `repair: ${action.description}` : action.description))
        .join('; ') || (target.state === 'UpToDate' ? '' : target.message),
    ]),
  );
  const obstacles = report.promotions.flatMap(({ promotion, targets, obstacle }) =>
    obstacle === undefined || targets.length > 0
      ? []
      : [`- ${markdownText(`${promotion}: ${obstacle.message}`)}\n`],
  );
  const problems = report.problems.map((problem) => `- ${markdownText(problemLine(problem))}\n`);
  return [
    `### Plan: ${summaryText(report)}\n\n`,
    rows.length === 0
      ? ''
      : markdownTable(['Promotion', 'Model', 'Target', 'Now', 'Wanted', 'State', 'What happens'], rows),
    obstacles.length === 0 ? '' : `\n**Blocked**\n\n${obstacles.join('')}`,
    problems.length === 0 ? '' : `\n**Mistakes**\n\n${problems.join('')}`,
  ].join('');
}
