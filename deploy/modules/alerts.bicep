// Alert rules on metrics that Azure has of itself, and on two queries of the logs. docs/runbook.md says what to do.

@description('Begins the names of all rules.')
param prefix string

@description('Region of the rules that have one.')
param location string

@description('Tags.')
param tags object

@description('Who is told by e-mail; empty: the rules fire, and nobody is told.')
param emails array

@description('Service Bus namespace.')
param namespaceId string

@description('Queues that scale a function.')
param queues array

@description('Messages that may wait in one of these queues all the time: what one replica takes in, messageCount of the chart.')
param backlog int

@description('Storage account of operations.')
param storageAccountId string

@description('Log Analytics workspace with the logs of the functions.')
param workspaceId string

@description('Requests answered with 5xx within five minutes that are tolerated.')
param serverErrors int

@description('Seconds that a message may have waited when a function takes it.')
param queueSeconds int

@description('Azure Monitor workspace with the Prometheus metrics of the cluster; empty: no rule for replicas at their maximum.')
param prometheusWorkspaceId string

@description('Existing AKS cluster.')
param clusterId string

@description('Kubernetes namespace of the Helm release.')
param kubernetesNamespace string

var bus = 'Microsoft.ServiceBus/namespaces'
var storage = 'Microsoft.Storage/storageAccounts'

// Azure measures no age of a message. The functions do, when they take one (late-messages). What nobody takes is seen by
// old-messages: a queue that holds more than one replica's share for a quarter of an hour without a break.
var metricRules = [
  {
    name: 'dead-letters-kept'
    description: 'Originals of dead letters lie in the queue failed, until somebody replays or purges them.'
    severity: 3
    scope: namespaceId
    metricNamespace: bus
    metric: 'ActiveMessages'
    entities: ['failed']
    aggregation: 'Maximum'
    operator: 'GreaterThan'
    threshold: 0
    window: 'PT15M'
  }
  {
    name: 'dead-letters-unanswered'
    description: 'Dead letters have waited for a quarter of an hour: predict does not answer their clients.'
    severity: 1
    scope: namespaceId
    metricNamespace: bus
    metric: 'DeadletteredMessages'
    entities: ['*']
    aggregation: 'Minimum'
    operator: 'GreaterThan'
    threshold: 0
    window: 'PT15M'
  }
  {
    name: 'old-messages'
    description: 'A queue has not been worked off for a quarter of an hour.'
    severity: 2
    scope: namespaceId
    metricNamespace: bus
    metric: 'ActiveMessages'
    entities: queues
    aggregation: 'Minimum'
    operator: 'GreaterThan'
    threshold: backlog
    window: 'PT15M'
  }
  {
    name: 'throttling'
    description: 'Service Bus refuses operations: the credits of Standard, or the units of Premium, are used up.'
    severity: 2
    scope: namespaceId
    metricNamespace: bus
    metric: 'ThrottledRequests'
    entities: ['*']
    aggregation: 'Total'
    operator: 'GreaterThan'
    threshold: 0
    window: 'PT5M'
  }
  {
    name: 'bus-errors'
    description: 'Service Bus fails: its own errors, not those of its clients.'
    severity: 2
    scope: namespaceId
    metricNamespace: bus
    metric: 'ServerErrors'
    entities: ['*']
    aggregation: 'Total'
    operator: 'GreaterThan'
    threshold: 10
    window: 'PT5M'
  }
  {
    name: 'store-away'
    description: 'Calls of the operation store fail: polls are answered with 503, and trainings wait.'
    severity: 2
    scope: storageAccountId
    metricNamespace: storage
    metric: 'Availability'
    entities: []
    aggregation: 'Average'
    operator: 'LessThan'
    threshold: 99
    window: 'PT15M'
  }
]

var queryRules = [
  {
    name: 'server-errors'
    description: 'Requests are answered with 5xx.'
    severity: 1
    query: loadTextContent('../queries/server-errors.kql')
    column: 'Requests'
    aggregation: 'Total'
    threshold: serverErrors
    window: 'PT5M'
  }
  {
    name: 'failed-trainings'
    description: 'Trainings end without a model.'
    severity: 2
    query: loadTextContent('../queries/failed-trainings.kql')
    column: 'Operations'
    aggregation: 'Total'
    threshold: 0
    window: 'PT15M'
  }
  {
    name: 'late-messages'
    description: 'Messages wait long until a function takes them.'
    severity: 3
    query: loadTextContent('../queries/queue-time.kql')
    column: 'Longest'
    aggregation: 'Maximum'
    threshold: queueSeconds
    window: 'PT15M'
  }
]

resource group 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: '${prefix}-operators'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: take(prefix, 12)
    enabled: true
    emailReceivers: [for (email, index) in emails: {
      name: 'operator-${index}'
      emailAddress: email
      useCommonAlertSchema: true
    }]
  }
}

resource metricAlerts 'Microsoft.Insights/metricAlerts@2018-03-01' = [for rule in metricRules: {
  name: '${prefix}-${rule.name}'
  location: 'global'
  tags: tags
  properties: {
    description: rule.description
    severity: rule.severity
    enabled: true
    scopes: [rule.scope]
    evaluationFrequency: 'PT5M'
    windowSize: rule.window
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: rule.name
          metricNamespace: rule.metricNamespace
          metricName: rule.metric
          dimensions: empty(rule.entities) ? [] : [{ name: 'EntityName', operator: 'Include', values: rule.entities }]
          timeAggregation: rule.aggregation
          operator: rule.operator
          threshold: rule.threshold
        }
      ]
    }
    actions: [{ actionGroupId: group.id }]
  }
}]

resource queryAlerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for rule in queryRules: {
  name: '${prefix}-${rule.name}'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: '${prefix}-${rule.name}'
    description: rule.description
    severity: rule.severity
    enabled: true
    scopes: [workspaceId]
    evaluationFrequency: 'PT5M'
    windowSize: rule.window
    autoMitigate: true
    // The table is there only once something was logged.
    skipQueryValidation: true
    criteria: {
      allOf: [
        {
          query: rule.query
          metricMeasureColumn: rule.column
          timeAggregation: rule.aggregation
          operator: 'GreaterThan'
          threshold: rule.threshold
          failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
        }
      ]
    }
    actions: { actionGroups: [group.id] }
  }
}]

// KEDA makes a HorizontalPodAutoscaler for each Deployment it scales; kube-state-metrics, which comes with Azure Monitor's
// Prometheus, knows its replicas and their bound.
var replicas = 'kube_horizontalpodautoscaler_status_current_replicas{namespace="${kubernetesNamespace}"}'
var mostReplicas = 'kube_horizontalpodautoscaler_spec_max_replicas{namespace="${kubernetesNamespace}"}'

resource replicaRules 'Microsoft.AlertsManagement/prometheusRuleGroups@2023-03-01' = if (!empty(prometheusWorkspaceId)) {
  name: '${prefix}-replicas'
  location: location
  tags: tags
  properties: {
    description: 'Replicas of mlflow-ondemand.'
    scopes: [prometheusWorkspaceId, clusterId]
    enabled: true
    interval: 'PT1M'
    rules: [
      {
        alert: 'ReplicasAtMaximum'
        expression: '${replicas} >= ${mostReplicas}'
        for: 'PT15M'
        severity: 3
        enabled: true
        annotations: {
          description: '{{ $labels.horizontalpodautoscaler }} has had its most replicas for a quarter of an hour.'
        }
        actions: [{ actionGroupId: group.id }]
      }
    ]
  }
}

@description('For rules of your own.')
output actionGroupId string = group.id
