/// Every mixing method, in the order in which they are listed for people.
public let mixingMethods: [any MixingMethod.Type] = [
  ConstantMixture<UniformWeights>.self,
  ConstantMixture<NaturalWeights>.self,
  ConstantMixture<FixedWeights>.self,
  ConstantMixture<TemperatureWeights>.self,
  ConstantMixture<UniMaxWeights>.self,
  ConstantMixture<ImportanceWeights>.self,
  ConstantMixture<TargetAlone>.self,
  Schedule.self,
  DynamicGradientAlignment.self,
  DoGE.self,
  DoReMi.self,
  OnlineDataMixing.self,
  AdaptiveDataOptimization.self,
]
