// The dashboard: deploy/workbook.json, which can also be pasted into the portal's editor of workbooks.

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Service Bus namespace.')
param namespaceId string

@description('Log Analytics workspace with the logs of the functions.')
param workspaceId string

var withBus = replace(loadTextContent('../workbook.json'), 'SERVICE_BUS_ID', namespaceId)

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, namespaceId)
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'mlflow-ondemand'
    category: 'workbook'
    version: '1.0'
    sourceId: workspaceId
    serializedData: replace(withBus, 'WORKSPACE_ID', workspaceId)
  }
}

@description('For the portal.')
output id string = workbook.id
