// What Service Bus and the operation store tell of themselves goes to the Log Analytics workspace.

@description('Name of the Service Bus namespace.')
param namespaceName string

@description('Name of the storage account of operations.')
param storageAccountName string

@description('Log Analytics workspace.')
param workspaceId string

resource namespace 'Microsoft.ServiceBus/namespaces@2024-01-01' existing = {
  name: namespaceName
}

resource account 'Microsoft.Storage/storageAccounts@2023-05-01' existing = {
  name: storageAccountName
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2023-05-01' existing = {
  parent: account
  name: 'default'
}

// Management operations and their errors; with Premium also who sent and received.
resource bus 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'mlflow-ondemand'
  scope: namespace
  properties: {
    workspaceId: workspaceId
    logAnalyticsDestinationType: 'Dedicated'
    logs: [
      { categoryGroup: 'allLogs', enabled: true }
    ]
    metrics: [
      { category: 'AllMetrics', enabled: true }
    ]
  }
}

// Without StorageRead: each poll of an operation is a read, and a line of log costs more than the read.
resource store 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'mlflow-ondemand'
  scope: blobs
  properties: {
    workspaceId: workspaceId
    logs: [
      { category: 'StorageWrite', enabled: true }
      { category: 'StorageDelete', enabled: true }
    ]
    metrics: [
      { category: 'Transaction', enabled: true }
    ]
  }
}
