// A Databricks workspace, for whoever has none; see step 0 of README.md here.
targetScope = 'resourceGroup'

@description('Name of the workspace.')
param name string = 'mlflow-ondemand'

@description('Region of the workspace.')
param location string = resourceGroup().location

@description('Tags of the workspace.')
param tags object = {}

@description('Resource group that Databricks makes for what it manages itself; it must not exist.')
param managedResourceGroupName string = '${resourceGroup().name}-databricks'

@description('Whether the workspace can be reached from the internet.')
@allowed(['Enabled', 'Disabled'])
param publicNetworkAccess string = 'Enabled'

resource workspace 'Microsoft.Databricks/workspaces@2024-05-01' = {
  // checkov:skip=CKV_AZURE_158:a parameter; without a private link neither train nor run-model could reach it
  // checkov:skip=CKV2_AZURE_48:a start; encrypted by keys of Azure, as the operation store is
  name: name
  location: location
  tags: tags
  // Rights on notebooks, experiments and clusters are of this tier.
  sku: { name: 'premium' }
  properties: {
    managedResourceGroupId: subscriptionResourceId('Microsoft.Resources/resourceGroups', managedResourceGroupName)
    publicNetworkAccess: publicNetworkAccess
    requiredNsgRules: 'AllRules'
    parameters: {
      enableNoPublicIp: { value: true }
    }
  }
}

@description('For databricks.host of the chart, behind https://.')
output host string = workspace.properties.workspaceUrl

@description('For workspace-assignment.')
output workspaceId string = workspace.properties.workspaceId
