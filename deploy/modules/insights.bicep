// Application Insights and the Log Analytics workspace that holds its data.

@description('Name of both.')
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

resource workspace 'Microsoft.OperationalInsights/workspaces@2023-09-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    sku: { name: 'PerGB2018' }
    retentionInDays: 30
  }
}

resource component 'Microsoft.Insights/components@2020-02-02' = {
  name: name
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
  }
}

@description('Its connection string is read with `az resource show`: it does not belong into a deployment\'s outputs.')
output name string = component.name

@description('Log Analytics workspace, for diagnostic settings and queries.')
output workspaceId string = workspace.id
