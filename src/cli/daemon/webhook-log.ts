/** Tells of the webhooks that are kept in MLflow. */
import type { WebhookEvent } from '../../adapters/mlflow/webhook.ts';
import type { Logger } from '../../runtime/logger.ts';

export function webhookTold(logger: Logger): (registry: string, event: WebhookEvent) => void {
  return (registry, event) => {
    switch (event.kind) {
      case 'made':
        return logger.info({ registry }, 'our webhook was made in MLflow');
      case 'renewed':
        return logger.info({ registry }, 'our webhook in MLflow was written anew');
      case 'removed':
        return logger.info({ registry }, 'our webhook was removed from MLflow');
      case 'failed':
        return logger.warn(
          { registry, detail: event.detail },
          'the webhook in MLflow does not work; promotions go on without it',
        );
      default:
        return event satisfies never;
    }
  };
}
